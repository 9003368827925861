/** The table of exports: what writes each format. */

import { SplitmaskError } from "@/core/errors";
import { cancelled, type Job, type Source, type Write } from "./base";
import { FORMATS } from "./formats";
import { writeCoco, writeRleJson } from "./json";
import { writeCutouts, writePngs } from "./png";
import { writeMasked, writeMatte, writeWebm } from "./video";

const WRITERS: Readonly<Record<string, Write>> = {
  png: writePngs,
  cutout: writeCutouts,
  webm: writeWebm,
  mp4: writeMasked,
  matte: writeMatte,
  rle_json: writeRleJson,
  coco_rle: writeCoco,
};

/** Throws `prompt` for a format that is not in the table or not for stills, `cancelled`, `media.unsupported`. */
export async function takeAway(source: Source, job: Job): Promise<Blob> {
  const format = FORMATS.find(({ key }) => key === job.request.format);
  const write = WRITERS[job.request.format];
  if (format === undefined || write === undefined) {
    const known = FORMATS.map(({ key }) => key).join(", ");
    throw new SplitmaskError("prompt", `there is no format ${job.request.format}: choose one of ${known}`);
  }
  if (source.clip.kind !== "video" && !format.stills) {
    throw new SplitmaskError("prompt", `${format.title} is for clips; choose a picture format for a photo`);
  }
  try {
    return await write(source, job);
  } catch (error) {
    // once it is cancelled, the clip may be closed under it
    throw job.signal.aborted ? cancelled() : error;
  }
}

/** Masks as run-length codes, in the layouts that Python's `export/rle_json` and `export/coco` have. */

import { type RleJson, rleToJson } from "@/core/counts";
import { area, bbox, isEmpty } from "@/core/rle";
import type { Rle } from "@/core/types";
import { frameName, framesOf, type Job, labelsOf, masksOf, type Source } from "./base";

/** All masks in one file, a line for every frame. */
export async function writeRleJson(source: Source, job: Job): Promise<Blob> {
  const { clip } = source;
  const labels = labelsOf(job);
  const head = {
    format: "splitmask.rle",
    version: 1,
    source: { name: clip.name, width: clip.width, height: clip.height },
    objects: labels,
  };
  const lines: string[] = [];
  for await (const frame of framesOf(source, job)) {
    const masks = masksOf(source, job, frame);
    const objects = labels.flatMap(({ id }) => {
      const rle = masks.get(id)?.rle;
      return rle === undefined ? [] : [record(id, rle)];
    });
    const time = clip.kind === "video" ? clip.timestamps[frame] : null;
    lines.push(JSON.stringify({ index: frame, time, objects }));
  }
  const text = `${JSON.stringify(head).slice(0, -1)},"frames":[\n${lines.join(",\n")}\n]}\n`;
  return new Blob([text], { type: "application/json" });
}

function record(id: number, rle: Rle): { id: number; rle: RleJson; area: number; bbox: readonly number[] } {
  return { id, rle: rleToJson(rle), area: area(rle), bbox: bbox(rle) ?? [0, 0, 0, 0] };
}

/** COCO instance annotations with exact masks; `track_id` is the object's id. */
export async function writeCoco(source: Source, job: Job): Promise<Blob> {
  const { clip } = source;
  const labels = labelsOf(job);
  const names = [...new Set(labels.map(({ name }) => name))];
  const annotations: string[] = [];
  const images: unknown[] = [];
  for await (const frame of framesOf(source, job)) {
    const file_name = clip.kind === "video" ? `${frameName(clip, frame)}.jpg` : clip.name;
    images.push({ id: images.length + 1, file_name, width: clip.width, height: clip.height });
    const masks = masksOf(source, job, frame);
    for (const { id, name } of labels) {
      const rle = masks.get(id)?.rle;
      if (rle === undefined || isEmpty(rle)) continue;
      const category = names.indexOf(name) + 1;
      const ids = { id: annotations.length + 1, image_id: images.length, category_id: category };
      annotations.push(JSON.stringify({ ...ids, ...shape(rle), iscrowd: 0, track_id: id }));
    }
  }
  const rest = {
    images,
    categories: names.map((name, i) => ({ id: i + 1, name })),
    info: { description: `${clip.name}, segmented with splitmask` },
  };
  const text = `{"annotations":[\n${annotations.join(",\n")}\n],${JSON.stringify(rest).slice(1)}\n`;
  return new Blob([text], { type: "application/json" });
}

function shape(rle: Rle): { segmentation: RleJson; area: number; bbox: readonly number[] } {
  const [x0, y0, x1, y1] = bbox(rle) ?? [0, 0, 0, 0];
  return { segmentation: rleToJson(rle), area: area(rle), bbox: [x0, y0, x1 - x0, y1 - y0] };
}

/** A video file, opened: its picture track, its index, and why it cannot be read if it cannot. */

import {
  ALL_FORMATS,
  BlobSource,
  EncodedPacketSink,
  Input,
  type InputVideoTrack,
  type VideoSample,
} from "mediabunny";
import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import { VideoIndex } from "./index";

export interface VideoFile extends Size {
  readonly input: Input;
  readonly track: InputVideoTrack;
  readonly index: VideoIndex;
  readonly rotation: 0 | 90 | 180 | 270; // clockwise, that makes it upright; width and height are after it
  readonly codec: string; // for people
  readonly hasAudio: boolean;
}

const CODECS: Readonly<Record<string, string>> = {
  avc: "H.264",
  hevc: "H.265 (HEVC)",
  vp8: "VP8",
  vp9: "VP9",
  av1: "AV1",
  prores: "ProRes",
};

const ELSEWHERE = "convert it to H.264 or WebM, or track it outside the browser (splitmask track)";

/** Opens a video. Throws SplitmaskError: `media.broken`, `media.unsupported`. Whoever opens it disposes `input`. */
export async function openVideo(file: Blob, name: string): Promise<VideoFile> {
  if (file.size === 0) throw new SplitmaskError("media.broken", `${name} is empty: choose another file`);
  if (typeof VideoDecoder === "undefined") {
    throw new SplitmaskError(
      "media.unsupported",
      `this browser cannot decode video (it has no WebCodecs): use a recent Chrome, Edge, Firefox or Safari over HTTPS, or ${ELSEWHERE}`,
    );
  }
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    return await read(input, name);
  } catch (error) {
    input.dispose();
    if (error instanceof SplitmaskError) throw error;
    throw new SplitmaskError("media.broken", `${name} cannot be read as a video: it is damaged or cut off`, {
      cause: error,
    });
  }
}

async function read(input: Input, name: string): Promise<VideoFile> {
  if (!(await input.canRead())) {
    throw new SplitmaskError(
      "media.unsupported",
      `${name} is no video that this browser reads: ${ELSEWHERE}`,
    );
  }
  const track = await input.getPrimaryVideoTrack();
  if (track === null)
    throw new SplitmaskError("media.broken", `${name} holds no pictures, only other tracks`);
  const codec = await decodableCodec(track, name);
  const index = await readIndex(track);
  if (index.count === 0) {
    throw new SplitmaskError("media.broken", `${name} holds no frames: it is empty or cut off`);
  }
  // Pixels as stored, not as shown where pixels are not square: the frame's own grid, as everywhere in splitmask.
  const rotation = await track.getRotation();
  const [width, height] = await storedSize(track);
  const turned = rotation % 180 !== 0;
  return {
    input,
    track,
    index,
    rotation,
    width: turned ? height : width,
    height: turned ? width : height,
    codec,
    hasAudio: (await input.getPrimaryAudioTrack()) !== null,
  };
}

async function storedSize(track: InputVideoTrack): Promise<readonly [number, number]> {
  return [await track.getCodedWidth(), await track.getCodedHeight()];
}

async function decodableCodec(track: InputVideoTrack, name: string): Promise<string> {
  const codec = await track.getCodec();
  const title =
    codec === null ? `an unknown codec (${String(track.internalCodecId)})` : (CODECS[codec] ?? codec);
  if (codec !== null && (await track.canDecode())) return title;
  const exact = await track.getCodecParameterString();
  const detail = exact === null ? "" : ` (${exact})`;
  throw new SplitmaskError(
    "media.unsupported",
    `${name} is encoded with ${title}${detail}, which this browser cannot decode: ${ELSEWHERE}`,
  );
}

async function readIndex(track: InputVideoTrack): Promise<VideoIndex> {
  const packets: { timestamp: number; key: boolean }[] = [];
  const sink = new EncodedPacketSink(track);
  for await (const packet of sink.packets(undefined, undefined, { metadataOnly: true })) {
    packets.push({ timestamp: packet.timestamp, key: packet.type === "key" });
  }
  return VideoIndex.of(packets);
}

/** A decoded picture as it is stored, and how it lies. */
export type { VideoSample };

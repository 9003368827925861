/** What every export works from. */

import { SplitmaskError } from "@/core/errors";
import { feather } from "@/core/feather";
import { decodeMask, intersect, subtract, union } from "@/core/rle";
import type { ObjectMask, Rle, Size } from "@/core/types";
import type { Clip } from "@/media/clip";
import type { TakeAwayRequest } from "@/worker/contract";

export interface Source {
  readonly clip: Clip;
  /** The masks that a frame has. */
  readonly masks: (frame: number) => readonly ObjectMask[];
}

export interface Job {
  readonly request: TakeAwayRequest;
  readonly progress: (share: number) => unknown;
  readonly signal: AbortSignal;
}

export type Write = (source: Source, job: Job) => Promise<Blob>;

export interface Label {
  readonly id: number;
  readonly name: string;
  readonly color: string;
}

/** The frames that are written, in order; tells how far it is, and ends it where it was cancelled. */
export async function* framesOf(source: Source, job: Job): AsyncGenerator<number, void, undefined> {
  const [from, to] = rangeOf(source, job);
  for (let frame = from; frame < to; frame++) {
    if (job.signal.aborted) throw cancelled();
    yield frame;
    await job.progress((frame + 1 - from) / (to - from));
  }
}

export function cancelled(): SplitmaskError {
  return new SplitmaskError("cancelled", "the export was cancelled");
}

/** Half-open. Throws `prompt` where the clip has no such frames. */
export function rangeOf(source: Source, { request }: Job): readonly [from: number, to: number] {
  const count = source.clip.timestamps.length;
  const [from, to] = [Math.max(0, request.range[0]), Math.min(count, request.range[1])];
  if (from < to) return [from, to];
  throw new SplitmaskError(
    "prompt",
    `there are no frames ${request.range.join(" to ")}: choose some of 0 to ${count}`,
  );
}

/** The objects that are written, named as the page names them. */
export function labelsOf({ request }: Job): Label[] {
  const wanted = (id: number) => request.objects.length === 0 || request.objects.includes(id);
  return request.labels.flatMap(({ object: id, name, color }) => (wanted(id) ? [{ id, name, color }] : []));
}

/** Masks of one frame by object, of those that are in it. */
export function masksOf(source: Source, { request }: Job, frame: number): ReadonlyMap<number, ObjectMask> {
  const wanted = (id: number) => request.objects.length === 0 || request.objects.includes(id);
  const found = source.masks(frame).filter((mask) => wanted(mask.object));
  return new Map(found.map((mask) => [mask.object, mask]));
}

/** (H, W) 0…255: masks joined, inverted and feathered as asked. */
export function alphaOf(masks: Iterable<ObjectMask>, size: Size, { request }: Job): Uint8Array {
  const alpha = new Uint8Array(size.width * size.height);
  for (const rle of combined([...masks], request)) decodeMask(rle, alpha, 255);
  if (request.invert) for (let i = 0; i < alpha.length; i++) alpha[i] = 255 - (alpha[i] as number);
  return feather(alpha, size, request.feather);
}

/** As the page combines them, one after the other in its order; a mask alone is itself. */
function combined(masks: readonly ObjectMask[], { labels }: TakeAwayRequest): Rle[] {
  const plain = labels.every(({ combine = "add" }) => combine === "add");
  if (plain || masks.length < 2) return masks.map(({ rle }) => rle);
  let whole: Rle | null = null;
  for (const { object, combine = "add" } of labels) {
    const rle = masks.find((mask) => mask.object === object)?.rle;
    if (rle === undefined) continue;
    if (whole === null) whole = combine === "add" ? rle : null;
    else whole = { add: union, subtract, intersect }[combine](whole, rle);
  }
  return whole === null ? [] : [whole];
}

/** `photo` for a still called `photo.jpg`, `000012` for a frame of a clip. */
export function frameName(clip: Clip, frame: number): string {
  return clip.kind === "video" ? String(frame).padStart(6, "0") : clip.name.replace(/\.[^.]+$/, "");
}

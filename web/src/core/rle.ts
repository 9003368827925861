/**
 * Masks as COCO's run lengths: down the columns, runs of 0 and 1 alternating from 0.
 *
 * Everything is worked out on the runs; a picture is made only where one is wanted. Python's
 * `splitmask.masks.rle` is the same, and `counts.ts` has the compressed string of both.
 */

import { SplitmaskError } from "./errors";
import type { FrameBox, Rle, Size } from "./types";
import { axis, between, wideColumn } from "./upsample";

/** Gathers runs in order; runs of one value that touch become one. */
class Runs {
  private readonly runs: number[] = [];
  private value = 0;
  private length = 0;

  add(value: 0 | 1, length: number): void {
    if (length <= 0) return;
    if (value !== this.value) {
      this.runs.push(this.length);
      this.value = value;
      this.length = 0;
    }
    this.length += length;
  }

  build(size: Rle["size"]): Rle {
    if (this.length > 0 || this.runs.length === 0) this.runs.push(this.length);
    return { size, counts: Uint32Array.from(this.runs) };
  }
}

/** (M, M) logits → the mask of a frame: where their bilinear upsampling is above 0. */
export function encodeLogits(logits: Float32Array, side: number, size: Size): Rle {
  const { width, height } = size;
  const columns = axis(side, width);
  const rows = axis(side, height);
  const filled = filledColumns(logits, side);
  const wide = new Float32Array(side);
  const runs = new Runs();
  for (let x = 0; x < width; x++) {
    if (filled[columns.low[x] as number] || filled[columns.high[x] as number]) {
      wideColumn(logits, side, columns, x, wide);
      addColumn(wide, rows, height, runs);
    } else {
      runs.add(0, height);
    }
  }
  return runs.build([height, width]);
}

/** Which columns of the logits have a positive value: next to no such one, nothing is positive. */
function filledColumns(logits: Float32Array, side: number): Uint8Array {
  const filled = new Uint8Array(side);
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) > 0) filled[i % side] = 1;
  return filled;
}

function addColumn(column: Float32Array, rows: ReturnType<typeof axis>, height: number, runs: Runs): void {
  let value: 0 | 1 = 0;
  let start = 0;
  for (let y = 0; y < height; y++) {
    const above = (column[rows.low[y] as number] as number) > 0;
    const below = (column[rows.high[y] as number] as number) > 0;
    const inside: 0 | 1 = (above === below ? above : between(column, rows, y) > 0) ? 1 : 0;
    if (inside !== value) {
      runs.add(value, y - start);
      value = inside;
      start = y;
    }
  }
  runs.add(value, height - start);
}

/** (H, W), row by row, anything but 0 being inside → its runs. */
export function encodeMask(mask: ArrayLike<number | boolean>, size: Size): Rle {
  const { width, height } = size;
  const runs = new Runs();
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) runs.add(mask[y * width + x] ? 1 : 0, 1);
  }
  return runs.build([height, width]);
}

/** → (H, W) of 0 and 1, row by row. `out` may be given to be filled; it must be all 0. */
export function decodeMask(rle: Rle, out?: Uint8Array, value = 1): Uint8Array {
  const [height, width] = rle.size;
  const mask = out ?? new Uint8Array(width * height);
  for (const [start, stop] of segments(rle)) {
    let y = start % height;
    let at = y * width + Math.floor(start / height);
    for (let i = start; i < stop; i++) {
      mask[at] = value;
      y += 1;
      at = y === height ? at - (height - 1) * width + 1 : at + width;
      if (y === height) y = 0;
    }
  }
  return mask;
}

/** Half-open stretches of 1, column-major. */
export function* segments(rle: Rle): Generator<readonly [start: number, stop: number], void, undefined> {
  let at = 0;
  for (let i = 0; i + 1 < rle.counts.length; i += 2) {
    const start = at + (rle.counts[i] as number);
    at = start + (rle.counts[i + 1] as number);
    if (at > start) yield [start, at];
  }
}

/** Pixels inside. */
export function area(rle: Rle): number {
  let sum = 0;
  for (let i = 1; i < rle.counts.length; i += 2) sum += rle.counts[i] as number;
  return sum;
}

export function isEmpty(rle: Rle): boolean {
  return area(rle) === 0;
}

/** Edges of the pixels inside (x1 is the last column + 1); null for an empty mask. */
export function bbox(rle: Rle): FrameBox | null {
  const height = rle.size[0];
  let [x0, y0, x1, y1] = [Number.POSITIVE_INFINITY, height, 0, 0];
  for (const [start, stop] of segments(rle)) {
    const [left, right] = [Math.floor(start / height), Math.floor((stop - 1) / height)];
    x0 = Math.min(x0, left);
    x1 = right + 1;
    // a run over a column's end touches the bottom and the top row
    y0 = left === right ? Math.min(y0, start % height) : 0;
    y1 = left === right ? Math.max(y1, ((stop - 1) % height) + 1) : height;
  }
  return x1 === 0 ? null : [x0, y0, x1, y1];
}

export const union = (a: Rle, b: Rle): Rle => combine(a, b, (p, q) => p || q);
export const intersect = (a: Rle, b: Rle): Rle => combine(a, b, (p, q) => p && q);
export const subtract = (a: Rle, b: Rle): Rle => combine(a, b, (p, q) => p && !q);

/** Intersection over union; 1 where both are empty. */
export function iou(a: Rle, b: Rle): number {
  const both = area(union(a, b));
  return both === 0 ? 1 : area(intersect(a, b)) / both;
}

/** Walks both masks' runs side by side. Throws SplitmaskError `result` where their sizes differ. */
function combine(a: Rle, b: Rle, inside: (a: boolean, b: boolean) => boolean): Rle {
  if (a.size[0] !== b.size[0] || a.size[1] !== b.size[1]) {
    const sizes = `${a.size.join("×")} and ${b.size.join("×")}`;
    throw new SplitmaskError("result", `masks to combine must be of one size, not ${sizes} (height × width)`);
  }
  const runs = new Runs();
  const total = a.size[0] * a.size[1];
  let [i, j] = [0, 0];
  let [endA, endB] = [a.counts[0] ?? total, b.counts[0] ?? total];
  for (let at = 0; at < total; ) {
    while (endA <= at && i + 1 < a.counts.length) endA += a.counts[++i] as number;
    while (endB <= at && j + 1 < b.counts.length) endB += b.counts[++j] as number;
    const next = Math.max(at + 1, Math.min(endA, endB, total));
    runs.add(inside(i % 2 === 1, j % 2 === 1) ? 1 : 0, next - at);
    at = next;
  }
  return runs.build(a.size);
}

/**
 * Soft edges: a mask as an alpha channel (Python's `splitmask.masks.feather`). The Gaussian is Pillow's: three
 * box blurs each way, rounded to 8 bits after each.
 */

import type { Size } from "./types";

export const MAX_FEATHER = 50;
const PASSES = 3;

/**
 * (H, W) of 0 or 255 → soft over `radius` pixels to either side: two standard deviations. Beyond the frame the
 * mask is taken to go on, so that an object cut by the border stays solid there. Gives the same array, changed.
 */
export function feather(alpha: Uint8Array, { width, height }: Size, radius: number): Uint8Array {
  if (radius <= 0) return alpha;
  const reach = boxRadius(Math.min(radius, MAX_FEATHER) / 2);
  const line = new Uint8Array(Math.max(width, height));
  for (let y = 0; y < height; y++) blurLine(alpha, y * width, 1, width, reach, line);
  for (let x = 0; x < width; x++) blurLine(alpha, x, width, height, reach, line);
  return alpha;
}

/** Of the boxes whose repetition has a standard deviation (Gwosdek et al. 2011, "extended box blur"). */
function boxRadius(deviation: number): number {
  const variance = (deviation * deviation) / PASSES;
  const whole = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const rest = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  return whole + rest / (6 * (variance - (whole + 1) * (whole + 1)));
}

function blurLine(
  data: Uint8Array,
  from: number,
  step: number,
  length: number,
  radius: number,
  line: Uint8Array,
): void {
  if (isEven(data, from, step, length)) return;
  const whole = Math.floor(radius);
  const weight = Math.floor(2 ** 24 / (radius * 2 + 1));
  const edge = Math.floor((2 ** 24 - (whole * 2 + 1) * weight) / 2);
  const last = length - 1;
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < length; i++) line[i] = data[from + i * step] as number;
    const at = (i: number) => line[Math.max(0, Math.min(i, last))] as number;
    let sum = 0;
    for (let i = -whole; i <= whole; i++) sum += at(i);
    for (let i = 0; i < length; i++) {
      const outer = at(i - whole - 1) + at(i + whole + 1);
      data[from + i * step] = Math.floor((sum * weight + outer * edge + 2 ** 23) / 2 ** 24);
      sum += at(i + whole + 1) - at(i - whole);
    }
  }
}

/** Most lines of a mask are all in or all out, and stay so. */
function isEven(data: Uint8Array, from: number, step: number, length: number): boolean {
  const first = data[from];
  for (let i = 1; i < length; i++) if (data[from + i * step] !== first) return false;
  return true;
}

/**
 * Any numbers of a frame → the model's square, antialiased bilinear, as Pillow's BILINEAR does it on floats
 * (Python's `mask_to_square`): a triangle as wide as what falls on one output pixel, first along the rows, then
 * down the columns. (`stretch.ts` is the same for pictures, in 8 bits.)
 */

import type { Size } from "./types";

/** (H, W) → (side, side). */
export function toSquare(values: ArrayLike<number>, size: Size, side: number): Float32Array {
  const across = shrinker(size.width, side);
  const wide = new Float32Array(size.height * side);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < side; x++) wide[y * side + x] = weigh(values, y * size.width, 1, across, x);
  }
  const down = shrinker(size.height, side);
  const out = new Float32Array(side * side);
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) out[y * side + x] = weigh(wide, x, side, down, y);
  }
  return out;
}

interface Shrinker {
  readonly first: Int32Array; // first input position of each output one
  readonly weights: readonly Float64Array[];
}

function shrinker(from: number, to: number): Shrinker {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  const first = new Int32Array(to);
  const weights = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const stop = Math.min(from, Math.trunc(centre + reach + 0.5));
    first[i] = start;
    return triangle(start, stop, centre, reach);
  });
  return { first, weights };
}

function triangle(start: number, stop: number, centre: number, reach: number): Float64Array {
  const weights = new Float64Array(stop - start);
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = Math.max(0, 1 - Math.abs((k + start - centre + 0.5) * (1 / reach)));
    weights[k] = weight;
    sum += weight;
  }
  return sum === 0 ? weights : weights.map((weight) => weight / sum);
}

function weigh(values: ArrayLike<number>, origin: number, step: number, by: Shrinker, i: number): number {
  const weights = by.weights[i] as Float64Array;
  let at = origin + (by.first[i] as number) * step;
  let sum = 0;
  for (let k = 0; k < weights.length; k++, at += step) sum += (values[at] as number) * (weights[k] as number);
  return sum;
}

/**
 * Frame → the model's square: antialiased bilinear interpolation on 8 bits, exactly as Pillow's BILINEAR does it
 * (two passes, across then down, each rounded to 8 bits; weights as integers of 22 fractional bits). The sums
 * of a pass fit in 31 bits. Python's `splitmask.engine.preprocess` is held to the same fixtures.
 */

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** How one side is resampled: output i is the sum of `taps` inputs from `first[i]` on. */
interface Weights {
  readonly taps: number; // of every output; the surplus weighs nothing
  readonly first: Int32Array; // (to)
  readonly weights: Int32Array; // (to, taps)
}

const cache = new Map<string, Weights>();
const CACHED = 16;

/** The weights of a side of `from` pixels brought to `to`, kept for the next frame of the size. */
function weightsOf(from: number, to: number): Weights {
  const key = `${from}:${to}`;
  let found = cache.get(key);
  if (!found) {
    found = makeWeights(from, to);
    if (cache.size >= CACHED) cache.clear();
    cache.set(key, found);
  }
  return found;
}

function makeWeights(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1); // half the width of the triangle, in input pixels
  const taps = Math.min(Math.ceil(support) * 2 + 1, from);
  const first = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const triangle = Array.from({ length: end - start }, (_, k) => {
      const x = Math.abs((k + start - center + 0.5) * (1 / support));
      return x < 1 ? 1 - x : 0;
    });
    const sum = triangle.reduce((a, b) => a + b, 0);
    // all outputs have as many taps, so near the far edge they begin earlier
    first[i] = Math.min(start, from - taps);
    const shift = start - (first[i] as number);
    triangle.forEach((w, k) => {
      weights[i * taps + shift + k] = Math.trunc(0.5 + (w / sum) * (1 << PRECISION));
    });
  }
  return { taps, first, weights };
}

/** RGBA (height, width, 4) → RGB (side, side, 3), stretched. Alpha is ignored. */
export function stretch(
  data: Uint8ClampedArray | Uint8Array,
  width: number,
  height: number,
  side: number,
): Uint8Array {
  const narrow = across(data, width, height, side);
  return height === side ? narrow : down(narrow, side * 3, height, side);
}

/** RGBA (height, width, 4) → RGB (height, to, 3). */
function across(data: Uint8ClampedArray | Uint8Array, width: number, height: number, to: number): Uint8Array {
  const out = new Uint8Array(height * to * 3);
  if (width === to) {
    for (let i = 0, o = 0; o < out.length; i += 4, o += 3) {
      out[o] = data[i] as number;
      out[o + 1] = data[i + 1] as number;
      out[o + 2] = data[i + 2] as number;
    }
    return out;
  }
  const { taps, first, weights } = weightsOf(width, to);
  for (let y = 0, o = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0, w = 0; x < to; x++, o += 3) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let i = (row + (first[x] as number)) << 2;
      for (const end = w + taps; w < end; w++, i += 4) {
        const weight = weights[w] as number;
        r = (r + Math.imul(data[i] as number, weight)) | 0;
        g = (g + Math.imul(data[i + 1] as number, weight)) | 0;
        b = (b + Math.imul(data[i + 2] as number, weight)) | 0;
      }
      out[o] = r >> PRECISION;
      out[o + 1] = g >> PRECISION;
      out[o + 2] = b >> PRECISION;
    }
  }
  return out;
}

/** (height, row) → (to, row): each output row a weighted sum of rows. */
function down(data: Uint8Array, row: number, height: number, to: number): Uint8Array {
  const { taps, first, weights } = weightsOf(height, to);
  const out = new Uint8Array(to * row);
  const sums = new Int32Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    for (let k = 0; k < taps; k++) {
      const weight = weights[y * taps + k] as number;
      if (weight === 0) continue;
      const from = ((first[y] as number) + k) * row;
      for (let x = 0; x < row; x++) {
        sums[x] = ((sums[x] as number) + Math.imul(data[from + x] as number, weight)) | 0;
      }
    }
    const start = y * row;
    for (let x = 0; x < row; x++) out[start + x] = (sums[x] as number) >> PRECISION;
  }
  return out;
}

/** RGB (side, side, 3) → planes (3, side, side), less the mean and divided by the deviation (both of 0…1). */
export function normalised(
  square: Uint8Array,
  side: number,
  mean: readonly number[],
  std: readonly number[],
): Float32Array {
  const cells = side * side;
  const planes = new Float32Array(3 * cells);
  for (let c = 0; c < 3; c++) {
    const of = Float32Array.from({ length: 256 }, (_, value) => level(value, mean[c] ?? 0, std[c] ?? 1));
    for (let i = 0, from = c, o = c * cells; i < cells; i++, from += 3, o++) {
      planes[o] = of[square[from] as number] as number;
    }
  }
  return planes;
}

/** In single precision at each step, as the other engines compute it. */
function level(value: number, mean: number, std: number): number {
  const scaled = Math.fround(value * Math.fround(1 / Math.fround(255 * Math.fround(std))));
  return scaled - Math.fround(Math.fround(mean) / Math.fround(std));
}

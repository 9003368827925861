/**
 * Frame → the model's square: antialiased bilinear interpolation on 8 bits, exactly as Pillow's BILINEAR does it
 * (two passes, across then down, each rounded to 8 bits; weights as integers of 22 fractional bits). The sums
 * of a pass fit in 31 bits. Python's `splitmask.engine.preprocess` is held to the same fixtures.
 */

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** How one side is resampled: output i is the weighted sum of `counts[i]` inputs from `first[i]` on. */
interface Weights {
  readonly taps: number; // places for weights of every output, a multiple of three; the surplus is 0
  readonly first: Int32Array; // (to)
  readonly counts: Int32Array; // (to)
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
  const taps = 3 * Math.ceil((Math.ceil(support) * 2 + 1) / 3);
  const first = new Int32Array(to);
  const counts = new Int32Array(to);
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
    first[i] = start;
    counts[i] = end - start;
    triangle.forEach((w, k) => {
      weights[i * taps + k] = Math.trunc(0.5 + (w / sum) * (1 << PRECISION));
    });
  }
  return { taps, first, counts, weights };
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
  const pixels = wholePixels(data);
  const { taps, counts, first, weights } = weightsOf(width, to);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < to; x++, o += 3) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let i = y * width + (first[x] as number);
      const end = i + (counts[x] as number);
      for (let w = x * taps; i < end; w++, i++) {
        const pixel = pixels[i] as number;
        const weight = weights[w] as number;
        r += (pixel & 255) * weight;
        g += ((pixel >>> 8) & 255) * weight;
        b += ((pixel >>> 16) & 255) * weight;
      }
      out[o] = r >> PRECISION;
      out[o + 1] = g >> PRECISION;
      out[o + 2] = b >> PRECISION;
    }
  }
  return out;
}

/** One number a pixel, R in the lowest byte: browsers run on little-endian machines. */
function wholePixels(data: Uint8ClampedArray | Uint8Array): Uint32Array {
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, data.length / 4);
}

/** (height, row) → (to, row): each output row a weighted sum of rows, three of them at a time. */
function down(data: Uint8Array, row: number, height: number, to: number): Uint8Array {
  const { taps, counts, first, weights } = weightsOf(height, to);
  const out = new Uint8Array(to * row);
  const sums = new Int32Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    const start = first[y] as number;
    for (let k = 0; k < (counts[y] as number); k += 3) {
      const w = y * taps + k;
      const [a, b, c] = [weights[w] ?? 0, weights[w + 1] ?? 0, weights[w + 2] ?? 0];
      // a row past the last weighs nothing; the last one is read in its place
      const i = (start + k) * row;
      const j = Math.min(start + k + 1, height - 1) * row;
      const l = Math.min(start + k + 2, height - 1) * row;
      for (let x = 0; x < row; x++) {
        const more = (data[i + x] as number) * a + (data[j + x] as number) * b + (data[l + x] as number) * c;
        sums[x] = (sums[x] as number) + more;
      }
    }
    for (let x = 0, o = y * row; x < row; x++, o++) out[o] = (sums[x] as number) >> PRECISION;
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

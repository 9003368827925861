/**
 * From the model's square to the frame, which is stretched to it, not letterboxed.
 *
 * The arithmetic is Python's `splitmask.masks.resize`, rounding for rounding: half-pixel centres in single
 * precision, as PyTorch's `interpolate` has them; so a mask is the same here and there, pixel for pixel.
 */

const round = Math.fround;

/** For each output position its two neighbours in the input and the weight of the second. */
export interface Axis {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float32Array;
}

export function axis(from: number, to: number): Axis {
  const scale = round(from / to);
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, round(scale * (i + 0.5) - 0.5));
    const before = Math.min(Math.trunc(at), from - 1);
    low[i] = before;
    high[i] = Math.min(before + 1, from - 1);
    weight[i] = Math.min(1, Math.max(0, round(at - before)));
  }
  return { low, high, weight };
}

/** One output column of the logits, as high as the input. */
export function wideColumn(
  logits: Float32Array,
  side: number,
  columns: Axis,
  x: number,
  out: Float32Array,
): void {
  const low = columns.low[x] as number;
  const high = columns.high[x] as number;
  const weight = columns.weight[x] as number;
  const rest = round(1 - weight);
  for (let row = 0, at = 0; row < side; row++, at += side) {
    out[row] = round((logits[at + low] as number) * rest) + round((logits[at + high] as number) * weight);
  }
}

/** The value of a column at one output row. */
export function between(column: Float32Array, rows: Axis, y: number): number {
  const weight = rows.weight[y] as number;
  const above = round((column[rows.low[y] as number] as number) * round(1 - weight));
  return round(above + round((column[rows.high[y] as number] as number) * weight));
}

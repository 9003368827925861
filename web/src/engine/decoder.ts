/** Decoders differ in what they take and give; a session sees one kind. */

import { SplitmaskError } from "@/core/errors";
import type { Decoded, DecodePrompt } from "@/engine/base";

const SURPLUS = -2; // labels a point that is not there
const PRESENT = 10; // logit, of a decoder that does not say

/** Points and labels as many as a decoder of fixed shapes takes; n: null for any number. Throws `prompt`. */
export function fixedPoints(
  { objects, points, labels }: DecodePrompt,
  n: number | null,
): { readonly points: Float32Array; readonly labels: Float32Array } {
  const given = labels.length / objects;
  if (n === null || given === n) return { points, labels };
  if (given > n) {
    throw new SplitmaskError(
      "prompt",
      `this model takes ${n} points at most, a box counts as two: remove some`,
    );
  }
  const out = {
    points: new Float32Array(objects * n * 2),
    labels: new Float32Array(objects * n).fill(SURPLUS),
  };
  for (let i = 0; i < objects; i++) {
    out.points.set(points.subarray(i * given * 2, (i + 1) * given * 2), i * n * 2);
    out.labels.set(labels.subarray(i * given, (i + 1) * given), i * n);
  }
  return out;
}

export interface Raw {
  readonly objects: number;
  readonly side: number;
  readonly dim: number;
  readonly masks: Float32Array; // (b, 3 | 4, M, M)
  readonly ious: Float32Array; // (b, 3 | 4)
  readonly presence: Float32Array | null;
  readonly pointers: Float32Array | null;
}

/** Three masks are tokens 1…3; the best of them stands in for the single one. */
export function fourMasks(raw: Raw): Decoded {
  const { objects, side, dim } = raw;
  const rest = {
    objects,
    side,
    presence: raw.presence ?? new Float32Array(objects).fill(PRESENT),
    pointers: raw.pointers ?? new Float32Array(objects * 4 * dim),
  };
  if (raw.ious.length === objects * 4) return { ...rest, masks: raw.masks, ious: raw.ious };
  const one = side * side;
  const masks = new Float32Array(objects * 4 * one);
  const ious = new Float32Array(objects * 4);
  for (let i = 0; i < objects; i++) {
    const scores = raw.ious.subarray(i * 3, (i + 1) * 3);
    const best = scores.indexOf(Math.max(...scores));
    const mine = raw.masks.subarray(i * 3 * one, (i + 1) * 3 * one);
    masks.set(mine.subarray(best * one, (best + 1) * one), i * 4 * one);
    masks.set(mine, (i * 4 + 1) * one);
    ious.set([scores[best] ?? 0, ...scores], i * 4);
  }
  return { ...rest, masks, ious };
}

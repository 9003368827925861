/** Exports of fixed shapes (`--points`) take one object at a time, and of every kind as many as they were made for. */

import { axis, between, wideColumn } from "@/core/upsample";
import type { Decoded, DecodePrompt } from "@/engine/base";

export interface FixedSizes {
  readonly memories: number;
  readonly pointers: number;
  readonly maskSide: number; // of the logits that are remembered
}

/** Object i of a question to the decoder. */
export function promptOf({ objects, points, labels, maskInput }: DecodePrompt, i: number): DecodePrompt {
  const part = (array: Float32Array) => {
    const one = array.length / objects;
    return array.subarray(i * one, (i + 1) * one);
  };
  return {
    objects: 1,
    points: part(points),
    labels: part(labels),
    maskInput: maskInput && part(maskInput),
  };
}

/** Answers of one object each, as one of them all. */
export function joined(parts: readonly Decoded[]): Decoded {
  const all = (of: (each: Decoded) => Float32Array) => concatenated(parts.map(of));
  return {
    objects: parts.length,
    side: parts[0]?.side ?? 0,
    masks: all((each) => each.masks),
    ious: all((each) => each.ious),
    presence: all((each) => each.presence),
    pointers: all((each) => each.pointers),
  };
}

export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    out.set(each, at);
    at += each.length;
  }
  return out;
}

/** (b, 1, k, k) logits as the decoder takes them, k = side: of masks twice as large, the mean of each four. */
export function asMaskInput(logits: Float32Array, objects: number, side: number): Float32Array {
  if (logits.length !== objects * 4 * side * side) return logits;
  const out = new Float32Array(objects * side * side);
  for (let i = 0; i < out.length; i++) {
    const row = Math.floor(i / side); // objects lie below each other
    const at = 4 * side * row + 2 * (i % side);
    const above = (logits[at] as number) + (logits[at + 1] as number);
    const below = (logits[at + 2 * side] as number) + (logits[at + 2 * side + 1] as number);
    out[i] = (above + below) / 4;
  }
  return out;
}

/** (k, k) logits, bilinear, as large as a memory encoder of fixed shapes takes them. */
export function enlarged(logits: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return logits;
  const scale = axis(from, to);
  const column = new Float32Array(from);
  const out = new Float32Array(to * to);
  for (let x = 0; x < to; x++) {
    wideColumn(logits, from, scale, x, column);
    for (let y = 0; y < to; y++) out[y * to + x] = between(column, scale, y);
  }
  return out;
}

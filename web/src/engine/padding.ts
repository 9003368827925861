/** What objects remember, of different lengths, as the arrays of one batch (Python's `splitmask.engine.padding`). */

import type { EnginePreset, Memory, Recollection } from "@/engine/base";

const AWAY = -1e4; // added to the scores of what is only padding
const SCORES = 2 ** 26; // bytes of attention scores that a call may hold, if it holds more than one object's

/** How each kind of array reads from a memory: the engine's business. */
export type MapOf = (memory: Memory) => Float32Array;

export interface Padded {
  readonly memory: Float32Array; // (b, r, cm, h', w')
  readonly tpos: Float32Array; // (b, r, 7) one-hot
  readonly memoryBias: Float32Array; // (b, r)
  readonly pointers: Float32Array; // (b, p, c)
  readonly dt: Float32Array; // (b, p)
  readonly pointerBias: Float32Array; // (b, p)
  readonly r: number; // as long as the longest, at least 1
  readonly p: number;
}

/** How many objects to recall in one call: a batch saves time only while its scores are near the processor. */
export function objectsAtOnce(
  recollections: readonly Recollection[],
  preset: EnginePreset,
  [cm, h, w]: readonly [number, number, number],
): number {
  const split = preset.dim / cm; // tokens of one pointer
  const tokens = recollections.map((each) => each.memories.length * h * w + each.pointers.length * split);
  const grid = preset.imageSize / 16;
  return Math.max(1, Math.floor(SCORES / (4 * grid * grid * Math.max(1, ...tokens))));
}

/** Recollections of b objects → one batch, padded to the longest, or to `least`, and biased away. */
export function padded(
  recollections: readonly Recollection[],
  preset: EnginePreset,
  cells: number, // numbers in one memory
  mapOf: MapOf,
  least: { readonly memories: number; readonly pointers: number } = { memories: 1, pointers: 1 },
): Padded {
  const b = recollections.length;
  const r = Math.max(least.memories, ...recollections.map((each) => each.memories.length));
  const p = Math.max(least.pointers, ...recollections.map((each) => each.pointers.length));
  const { numMemories, dim } = preset;
  const out = {
    memory: new Float32Array(b * r * cells),
    tpos: new Float32Array(b * r * numMemories),
    memoryBias: new Float32Array(b * r).fill(AWAY),
    pointers: new Float32Array(b * p * dim),
    dt: new Float32Array(b * p),
    pointerBias: new Float32Array(b * p).fill(AWAY),
    r,
    p,
  };
  recollections.forEach((each, i) => {
    each.memories.forEach(({ memory, slot }, j) => {
      const at = i * r + j;
      out.memory.set(mapOf(memory), at * cells);
      out.tpos[at * numMemories + slot] = 1;
      out.memoryBias[at] = 0;
    });
    each.pointers.forEach(({ pointer, dt }, j) => {
      const at = i * p + j;
      out.pointers.set(pointer, at * dim);
      out.dt[at] = dt;
      out.pointerBias[at] = 0;
    });
  });
  return out;
}

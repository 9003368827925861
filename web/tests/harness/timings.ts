/** How long each verb takes, one object with a full memory: what a step of tracking costs. */

import type { DecodePrompt, LoadedEngine, Pixels } from "@/engine/base";

export type Timings = Record<"encode" | "recall" | "decode" | "remember", number[]>; // milliseconds

export function noise(width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, state = 1; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = ((state >>> 24) & 63) + ((i >> 4) & 127);
  }
  return { width, height, data };
}

/** A frame of width × 9/16 width, `times` times: encode, a click, remember, recall, the tracked mask. */
export async function timings(engine: LoadedEngine, width: number, times: number): Promise<Timings> {
  const took: Timings = { encode: [], recall: [], decode: [], remember: [] };
  const timed = async <T>(name: keyof Timings, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    took[name].push(performance.now() - start);
    return result;
  };
  const pixels = noise(width, Math.round((width * 9) / 16));
  const side = engine.preset.imageSize;
  const click: DecodePrompt = {
    objects: 1,
    points: new Float32Array([side / 2, side / 2]),
    labels: new Float32Array([1]),
    maskInput: null,
  };
  for (let i = 0; i < times; i++) await step(engine, pixels, click, timed);
  return took;
}

type Timed = <T>(name: keyof Timings, work: () => Promise<T>) => Promise<T>;

async function step(engine: LoadedEngine, pixels: Pixels, click: DecodePrompt, timed: Timed): Promise<void> {
  const features = await timed("encode", () => engine.encode(pixels));
  const clicked = await timed("decode", () => engine.decode(features, click));
  const mask = clicked.masks.slice(0, clicked.side ** 2);
  const said = [new Float32Array([0]), new Float32Array([1])] as const;
  const [memory] = await timed("remember", () => engine.remember(features, mask, clicked.side, ...said));
  if (!memory) throw new Error("no memory");
  const { numMemories, maxPointers, dim } = engine.preset;
  const pointer = clicked.pointers.slice(0, dim);
  const recollection = {
    memories: Array.from({ length: numMemories }, (_, slot) => ({ memory, slot })),
    pointers: Array.from({ length: maxPointers }, (_, k) => ({ pointer, dt: k / 15 })),
  };
  const recalled = await timed("recall", () => engine.recall(features, [recollection]));
  await timed("decode", () => engine.decode(recalled, { ...click, labels: new Float32Array([-1]) }));
  recalled.dispose();
  features.dispose();
}

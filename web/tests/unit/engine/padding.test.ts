import { describe, expect, it } from "vitest";
import type { EnginePreset, Memory, Recollection } from "@/engine/base";
import { objectsAtOnce, padded } from "@/engine/padding";

const preset: EnginePreset = { name: "t", imageSize: 64, dim: 2, numMemories: 7, maxPointers: 16 };
const memory = (value: number): Memory & { value: number } => ({
  value,
  map: { dims: [1, 1, 3], dispose: () => undefined },
  dispose: () => undefined,
});
const mapOf = (each: Memory) => new Float32Array(3).fill((each as ReturnType<typeof memory>).value);
const pointer = (value: number, dt: number) => ({ pointer: new Float32Array([value, -value]), dt });
const rows = (array: Float32Array, width: number) =>
  Array.from({ length: array.length / width }, (_, i) => [...array.slice(i * width, (i + 1) * width)]);

describe("padded", () => {
  const long: Recollection = {
    memories: [
      { memory: memory(5), slot: 0 },
      { memory: memory(6), slot: 3 },
    ],
    pointers: [pointer(1, 0.5)],
  };
  const short: Recollection = { memories: [{ memory: memory(7), slot: 6 }], pointers: [] };

  it("fills to what fixed shapes want", () => {
    const batch = padded([short], preset, 3, mapOf, { memories: 10, pointers: 19 });
    expect([batch.r, batch.p, batch.memory.length, batch.pointers.length]).toEqual([10, 19, 30, 38]);
    expect([...batch.memoryBias].filter((bias) => bias === 0)).toHaveLength(1);
    expect([...batch.pointerBias].every((bias) => bias === -1e4)).toBe(true);
  });

  it("fills to the longest and biases the rest away", () => {
    const batch = padded([long, short], preset, 3, mapOf);
    expect([batch.r, batch.p]).toEqual([2, 1]);
    expect(rows(batch.memory, 3)).toEqual([
      [5, 5, 5],
      [6, 6, 6],
      [7, 7, 7],
      [0, 0, 0],
    ]);
    expect([...batch.memoryBias]).toEqual([0, 0, 0, -1e4]);
    expect(rows(batch.tpos, 7).map((row) => row.indexOf(1))).toEqual([0, 3, 6, -1]);
    expect([...batch.pointers]).toEqual([1, -1, 0, 0]);
    expect([...batch.dt]).toEqual([0.5, 0]);
    expect([...batch.pointerBias]).toEqual([0, -1e4]);
  });

  it("has a place for a pointer where nobody has one", () => {
    const batch = padded([short], preset, 3, mapOf);
    expect([batch.r, batch.p, batch.pointers.length, [...batch.pointerBias]]).toEqual([1, 1, 2, [-1e4]]);
  });
});

describe("objectsAtOnce", () => {
  const of = (memories: number): Recollection => ({
    memories: Array.from({ length: memories }, () => ({ memory: memory(0), slot: 1 })),
    pointers: [],
  });

  it("is as many as 64 MB of scores hold, by the longest, at least one", () => {
    const large = { ...preset, imageSize: 1024, dim: 256 };
    expect(objectsAtOnce([of(1), of(7)], large, [64, 64, 64])).toBe(1);
    // 32² queries, 16² keys a memory, 4 bytes: 1 MiB each
    const nano = { ...preset, imageSize: 512, dim: 128 };
    expect(objectsAtOnce([of(2), of(8)], nano, [64, 16, 16])).toBe(8);
  });
});

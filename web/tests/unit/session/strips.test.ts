import { expect, test } from "vitest";
import { encodeMask } from "@/core/rle";
import type { FrameMasks } from "@/core/types";
import { Bin } from "@/session/bin";
import { Marks, stripOf } from "@/session/strips";
import { Track } from "@/session/track";
import { memoryFiles, memoryStore } from "../store/memory";

const SIZE = { width: 40, height: 30 };

/** A square of so many pixels a side, with its corner at (x, y). */
function masks(frame: number, x: number, y: number, side: number): FrameMasks {
  const inside = (i: number) => {
    const [px, py] = [i % SIZE.width, Math.floor(i / SIZE.width)];
    return px >= x && px < x + side && py >= y && py < y + side ? 1 : 0;
  };
  const rle = encodeMask(
    Array.from({ length: 1200 }, (_, i) => inside(i)),
    SIZE,
  );
  return { frame, masks: [{ object: 1, rle, score: 0.9, presence: 3, prompted: false }] };
}

test("a mask that leaves its place has jumped, in either direction of the run, until it is run again", () => {
  const marks = new Marks();
  for (const [t, x] of [
    [0, 2],
    [1, 3],
    [2, 20],
    [3, 21],
  ] as const)
    marks.pass(masks(t, x, 5, 8));
  expect(marks.of(1)).toEqual([2]);
  const backward = new Marks();
  for (const [t, x] of [
    [3, 21],
    [2, 20],
    [1, 3],
  ] as const)
    backward.pass(masks(t, x, 5, 8));
  expect(backward.of(1)).toEqual([2]);
  marks.pass(masks(1, 3, 5, 8));
  marks.pass(masks(2, 4, 5, 8));
  expect(marks.of(1)).toEqual([]);
});

test("jumps and cuts are there again at the next visit, but those that were run again without one", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files);
  const marks = new Marks(store);
  for (const [t, x] of [
    [0, 2],
    [1, 20],
    [2, 2],
  ] as const)
    marks.pass(masks(t, x, 5, 8));
  marks.cut(7);
  marks.pass(masks(1, 4, 5, 8));
  marks.pass(masks(2, 5, 5, 8));
  expect(marks.of(1)).toEqual([1, 7]);
  expect(new Marks(memoryStore(SIZE, files)).of(1)).toEqual([1, 7]);
  store.drop(1);
  store.close();
  expect(new Marks(memoryStore(SIZE, files)).of(1)).toEqual([7]);
});

test("an object that is hidden and comes back elsewhere has not jumped", () => {
  const marks = new Marks();
  for (const [t, x, side] of [
    [0, 2, 8],
    [1, 2, 0],
    [2, 25, 8],
  ] as const)
    marks.pass(masks(t, x, 5, side));
  expect(marks.of(1)).toEqual([]);
});

test("a strip tells of every frame, of leaps in size and of cuts", () => {
  const store = memoryStore(SIZE);
  const track = new Track(1, store, new Bin());
  const output = (share: number) => ({
    logits: Float32Array.from({ length: 16 }, (_, i) => (i < share ? 5 : -5)),
    side: 4,
    pointer: new Float32Array(2),
    score: 0.5,
    presence: 2,
  });
  const memory = { map: { dims: [], dispose() {} }, dispose() {} };
  const limits = { numMemories: 7, maxPointers: 16, maxPrompted: 4, stride: 1 };
  track.setPrompt(0, { points: [], labels: [], box: [0, 0, 9, 9], mask: null }, output(4));
  for (const [t, share] of [
    [1, 4],
    [2, 14],
    [3, 14],
  ] as const)
    track.commit(t, false, output(share), memory, limits);
  const marks = new Marks();
  marks.cut(3);
  marks.cut(5); // where there is no mask a cut is of no interest
  const strip = stripOf(1, track, store, 6, 1200, marks);
  expect([...strip.presence.map((v) => (Number.isNaN(v) ? -1 : v))]).toEqual([2, 2, 2, 2, -1, -1]);
  expect(strip.area[3] ?? 0).toBeGreaterThan((strip.area[1] ?? 1) * 2.5);
  expect([strip.jumps, strip.prompted, strip.stale]).toEqual([[2, 3], [0], []]);
  expect(stripOf(9, null, store, 2, 1200, marks).presence.every(Number.isNaN)).toBe(true);
});

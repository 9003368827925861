import { describe, expect, it } from "vitest";
import { NO_PROMPT } from "@/core/types";
import {
  addObject,
  type ClipDoc,
  clearClip,
  moveObject,
  newClip,
  promptAt,
  promptedFrames,
  removeObject,
  setPrompt,
  setRange,
} from "@/state/document";
import { MaskCache } from "@/state/masks";
import { bytes, clock, frameAt, rateOf, span } from "@/state/timecode";
import { startOf } from "@/state/tracking";
import type { ClipInfo, ObjectStrip } from "@/worker/contract";

const INFO: ClipInfo = {
  ...{ id: "a", name: "a.mp4", kind: "video", width: 8, height: 6, rotation: 0, frames: 4, duration: 0.4 },
  ...{ timestamps: Float64Array.of(0, 0.1, 0.2, 0.3), codec: "avc", hasAudio: false, variableRate: false },
  sha256: "0",
};
const POINT = { ...NO_PROMPT, points: [{ x: 1, y: 2 }], labels: [1] as const };

function two(): ClipDoc {
  return addObject(addObject(newClip(INFO)));
}

describe("a clip's document", () => {
  it("numbers objects for good and tells them apart by colour", () => {
    const clip = addObject(removeObject(two(), 2));
    expect(clip.objects.map((each) => each.id)).toEqual([1, 3]);
    expect(new Set(clip.objects.map((each) => each.color)).size).toBe(2);
  });

  it("drops an object's prompts with it, and no others", () => {
    const clip = setPrompt(setPrompt(two(), 1, 0, POINT), 2, 3, POINT);
    const left = removeObject(clip, 1);
    expect(promptAt(left, 1, 0)).toBe(NO_PROMPT);
    expect(promptedFrames(left, 2)).toEqual([3]);
  });

  it("takes an empty prompt as none", () => {
    const clip = setPrompt(setPrompt(two(), 1, 0, POINT), 1, 0, NO_PROMPT);
    expect(clip.prompts).toEqual({});
  });

  it("lists prompted frames in order", () => {
    const clip = [10, 2, 33].reduce((now, frame) => setPrompt(now, 1, frame, POINT), two());
    expect(promptedFrames(clip, 1)).toEqual([2, 10, 33]);
  });

  it("moves objects, and clears them without using their numbers again", () => {
    expect(moveObject(two(), 2, 0).objects.map((each) => each.id)).toEqual([2, 1]);
    expect(addObject(clearClip(two())).objects.map((each) => each.id)).toEqual([3]);
  });

  it("keeps in before out", () => {
    const clip = two();
    expect(setRange(clip, [2, 1], 4).range).toEqual([2, 3]);
    expect(setRange(clip, [0, 4], 4).range).toBeNull();
    expect(setRange(clip, [-3, 99], 4).range).toBeNull();
    expect(setRange(clip, [9, 99], 4).range).toEqual([3, 4]);
  });
});

describe("times", () => {
  it("find the frame that shows", () => {
    expect([0, 0.09, 0.1, 0.25, 9].map((time) => frameAt(INFO, time))).toEqual([0, 0, 1, 2, 3]);
    expect(rateOf(INFO)).toBeCloseTo(10);
  });

  it("read as people read them", () => {
    expect([0, 7.25, 61.999, 3600].map(clock)).toEqual(["0:00.00", "0:07.25", "1:02.00", "60:00.00"]);
    expect([0.2, 59.4, 60, 190].map(span)).toEqual(["1 s", "59 s", "1 min", "3 min 10 s"]);
    expect([999, 1500, 103e6, 2.5e9].map(bytes)).toEqual(["999 B", "1.5 kB", "103 MB", "2.5 GB"]);
  });
});

describe("where a run begins", () => {
  const strip = (masked: readonly number[]): ObjectStrip => {
    const score = Float32Array.from({ length: 10 }, (_, i) => (masked.includes(i) ? 0.9 : Number.NaN));
    return { object: 1, score, presence: score, area: score, prompted: [], stale: [], jumps: [] };
  };

  it("is the playhead where there is a mask", () => {
    expect(startOf(3, false, [strip([1, 2, 3])], [1])).toBe(3);
  });

  it("is else the nearest mask that the run comes from", () => {
    expect(startOf(7, false, [strip([1, 2, 3])], [1])).toBe(3);
    expect(startOf(0, true, [strip([4, 5])], [5])).toBe(4);
  });

  it("is else the next prompt, and nothing without one", () => {
    expect(startOf(0, false, [strip([4, 5])], [4])).toBe(4);
    expect(startOf(9, true, [strip([4])], [4])).toBe(4);
    expect(startOf(0, false, [], [])).toBeNull();
  });
});

describe("masks at hand", () => {
  const rle = { size: [6, 8] as const, counts: Uint32Array.of(48) };
  const mask = (object: number) => ({ object, rle, score: 1, presence: 1, prompted: false });

  it("forget the least recently used beyond their capacity", () => {
    const cache = new MaskCache(2);
    for (const frame of [0, 1]) cache.put("a", { frame, masks: [] });
    cache.get("a", 0);
    cache.put("a", { frame: 2, masks: [] });
    expect([0, 1, 2].map((frame) => cache.get("a", frame) !== undefined)).toEqual([true, false, true]);
  });

  it("replace one object's mask and leave the others", () => {
    const cache = new MaskCache();
    cache.put("a", { frame: 0, masks: [mask(1), mask(2)] });
    cache.putObject("a", 0, { ...mask(2), score: 0.5 });
    expect(cache.get("a", 0)?.masks.map((each) => [each.object, each.score])).toEqual([
      [1, 1],
      [2, 0.5],
    ]);
    cache.dropObject("a", 1);
    expect(cache.get("a", 0)?.masks.map((each) => each.object)).toEqual([2]);
  });
});

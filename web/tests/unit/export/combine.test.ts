import { describe, expect, it } from "vitest";
import { encodeMask } from "@/core/rle";
import { alphaOf, type Job } from "@/export/base";

const SIZE = { width: 4, height: 1 };
const mask = (object: number, bits: readonly number[]) => ({
  ...{ object, rle: encodeMask(bits, SIZE), score: 1, presence: 1, prompted: false },
});
const MASKS = [mask(2, [0, 1, 1, 0]), mask(1, [1, 1, 0, 0])];

function job(...combine: readonly ("add" | "subtract" | "intersect")[]): Job {
  const labels = combine.map((each, i) => ({ object: i + 1, name: "", color: "#000000", combine: each }));
  const request = {
    clip: "",
    format: "png",
    objects: [],
    range: [0, 1] as const,
    feather: 0,
    invert: false,
    labels,
  };
  return { request, progress: () => undefined, signal: new AbortController().signal };
}

const alpha = (...combine: ("add" | "subtract" | "intersect")[]) => [
  ...alphaOf(MASKS, SIZE, job(...combine)),
];

describe("masks that are taken away together", () => {
  it("are combined as the page shows them, in its order", () => {
    expect(alpha("add", "add")).toEqual([255, 255, 255, 0]);
    expect(alpha("add", "subtract")).toEqual([255, 0, 0, 0]);
    expect(alpha("add", "intersect")).toEqual([0, 255, 0, 0]);
    expect(alpha("subtract", "add")).toEqual([0, 255, 255, 0]);
  });

  it("are themselves when alone", () => {
    expect([...alphaOf([MASKS[0] as (typeof MASKS)[0]], SIZE, job("add", "subtract"))]).toEqual([
      0, 255, 255, 0,
    ]);
  });
});

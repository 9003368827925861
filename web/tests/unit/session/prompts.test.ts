import { expect, test } from "vitest";
import { encodeMask } from "@/core/rle";
import { NO_PROMPT, type Prompt } from "@/core/types";
import { checkAlone, checkFrame, refines } from "@/session/prompts";

const of = (points: [number, number][], more: Partial<Prompt> = {}): Prompt => ({
  ...NO_PROMPT,
  points: points.map(([x, y]) => ({ x, y })),
  labels: points.map(() => 1 as const),
  ...more,
});

test("the mask so far is fed back where more is said, not where something is taken back", () => {
  const one = of([[1, 2]]);
  expect(refines(undefined, one)).toBe(true);
  expect(
    refines(
      one,
      of([
        [1, 2],
        [3, 4],
      ]),
    ),
  ).toBe(true);
  expect(refines(one, of([[1, 2]], { box: [0, 0, 4, 4] }))).toBe(true);
  expect(
    refines(
      of([
        [1, 2],
        [3, 4],
      ]),
      one,
    ),
  ).toBe(false);
  expect(refines(one, of([[1, 3]]))).toBe(false);
  expect(refines(one, { ...one, labels: [0] })).toBe(false);
  expect(refines(of([], { box: [0, 0, 4, 4] }), of([[1, 1]], { box: [0, 0, 4, 5] }))).toBe(false);
  expect(refines(one, { ...NO_PROMPT, mask: encodeMask([], { width: 4, height: 4 }) })).toBe(false);
});

test("frames are whole numbers within the clip", () => {
  checkFrame(0, 1);
  for (const frame of [-1, 1, 0.5, Number.NaN]) expect(() => checkFrame(frame, 1)).toThrow(/does not exist/);
});

test("a mask stands alone in a video", () => {
  const mask = encodeMask([], { width: 4, height: 4 });
  expect(checkAlone({ ...NO_PROMPT, mask }).mask).toBe(mask);
  expect(() => checkAlone(of([[1, 1]], { mask }))).toThrow(/stands alone/);
});

import { expect, test } from "vitest";
import type { Decoded } from "@/engine/base";
import { prominence } from "@/session/prominent";

const SIDE = 32;

/** One object: a disc, with an outline as sharp as asked. */
function disc(x: number, y: number, radius: number, iou = 0.9, sharp = 4): Decoded {
  const mask = Array.from({ length: SIDE * SIDE }, (_, i) => {
    const away = Math.hypot((i % SIDE) - x * SIDE, Math.floor(i / SIDE) - y * SIDE);
    return (radius * SIDE - away) * sharp;
  });
  const masks = Float32Array.from([...mask, ...mask, ...mask, ...mask]);
  const ious = new Float32Array(4).fill(iou);
  return {
    objects: 1,
    side: SIDE,
    masks,
    ious,
    presence: Float32Array.of(2),
    pointers: new Float32Array(16),
  };
}

const score = (decoded: Decoded) => prominence(decoded, 0);

test("prominent is what is central, sharp, whole, well predicted and of the usual size", () => {
  const best = score(disc(0.5, 0.5, 0.2));
  expect(best).toBeGreaterThan(0.5);
  for (const other of [
    disc(0.8, 0.8, 0.15), // aside
    disc(0.5, 0.5, 0.2, 0.9, 0.2), // blurred
    disc(0.5, 0.5, 0.2, 0.4), // doubtful
    disc(0.5, 0.5, 0.03), // tiny
    disc(0.5, 0.5, 0.9), // everything
    disc(0.1, 0.5, 0.2), // cut by the border
  ]) {
    expect(score(other)).toBeLessThan(best);
  }
});

test("nothing is not prominent", () => {
  expect(score(disc(0.5, 0.5, -1))).toBe(0);
  expect(score({ ...disc(0.5, 0.5, 0.2), presence: Float32Array.of(-1) })).toBe(0);
});

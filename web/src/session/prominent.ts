/** A guess at the object that a picture is about: the click whose mask looks most like one. */

import type { Prompt, Size } from "@/core/types";
import type { Decoded, Engine, Features } from "@/engine/base";
import { bestOfThree, maskOf } from "./choice";

const GRID = 7; // clicks a side
const AT_ONCE = 7; // decoded in one call: larger ones hold the next click up
const SOFT = 1; // logits by which an outline is moved to see whether it stays
const USUAL = 0.12; // share of the picture that such objects have
const SPREAD = 1.3; // of its logarithm

interface Guess {
  readonly x: number; // 0…1
  readonly y: number;
  readonly score: number;
}

/** The click, of a grid of them; at least the centre. */
export async function prominentClick(engine: Engine, features: Features, size: Size): Promise<Prompt> {
  const clicks = gridOfClicks();
  let best: Guess = { x: 0.5, y: 0.5, score: 0 };
  for (let start = 0; start < clicks.length; start += AT_ONCE) {
    const some = clicks.slice(start, start + AT_ONCE);
    const decoded = await engine.decode(features, {
      objects: some.length,
      points: Float32Array.from(some.flatMap(({ x, y }) => [x, y].map((v) => v * engine.preset.imageSize))),
      labels: new Float32Array(some.length).fill(1),
      maskInput: null,
    });
    some.forEach(({ x, y }, i) => {
      const score = prominence(decoded, i);
      if (score > best.score) best = { x, y, score };
    });
  }
  const point = { x: best.x * size.width, y: best.y * size.height };
  return { points: [point], labels: [1], box: null, mask: null };
}

function gridOfClicks(): { x: number; y: number }[] {
  const at = (i: number) => 0.1 + (0.8 * i) / (GRID - 1);
  return Array.from({ length: GRID * GRID }, (_, i) => ({ x: at(i % GRID), y: at(Math.floor(i / GRID)) }));
}

/** Predicted IoU × stability × how central × how usual its size × how little the border cuts it; 0…1. */
export function prominence(decoded: Decoded, i: number): number {
  const token = bestOfThree(decoded, i);
  const seen = measure(maskOf(decoded, i, token), decoded.side);
  if (seen.area === 0 || (decoded.presence[i] ?? 0) <= 0) return 0;
  const away = Math.hypot(seen.x - 0.5, seen.y - 0.5);
  const central = Math.exp(-((away / 0.45) ** 2));
  const usual = Math.exp(-((Math.log(seen.area / USUAL) / SPREAD) ** 2) / 2);
  const whole = 1 - 0.22 * seen.edges;
  return Math.max(0, decoded.ious[i * 4 + token] ?? 0) * seen.stability * central * usual * whole;
}

interface Seen {
  readonly area: number; // share of the picture
  readonly x: number; // of the middle, 0…1
  readonly y: number;
  readonly stability: number;
  readonly edges: number; // of the picture that it touches, 0…4
}

function measure(logits: Float32Array, side: number): Seen {
  let [count, inner, outer, sumX, sumY] = [0, 0, 0, 0, 0];
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] as number;
    if (logit > SOFT) inner += 1;
    if (logit > -SOFT) outer += 1;
    if (logit <= 0) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    count += 1;
    sumX += x;
    sumY += y;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const edges = [left === 0, right === side - 1, top === 0, bottom === side - 1].filter(Boolean).length;
  return {
    area: count / logits.length,
    x: count === 0 ? 0.5 : (sumX / count + 0.5) / side,
    y: count === 0 ? 0.5 : (sumY / count + 0.5) / side,
    stability: outer === 0 ? 0 : inner / outer,
    edges,
  };
}

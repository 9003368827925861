/** How each frame of a clip stands for one object, and where its mask leaps. */

import { iou } from "@/core/rle";
import type { FrameMasks, Rle } from "@/core/types";
import type { KeptMarks, Mark, Results } from "./results";
import { type Range, toRanges } from "./stale";
import type { Track } from "./track";

const LEAP = 2.5; // times larger or smaller from one frame to the next
const APART = 0.3; // overlap of neighbours' masks below which the mask has jumped
const SMALL = 1e-4; // share of the frame below which areas say nothing

export interface Strip {
  readonly object: number;
  readonly presence: Float32Array; // (frames) logit, NaN where there is no mask
  readonly score: Float32Array; // (frames)
  readonly area: Float32Array; // (frames) share of the frame
  readonly prompted: readonly number[];
  readonly stale: readonly Range[];
  readonly jumps: readonly number[];
}

/** track: null for an object without masks. pixels: of a frame. marks: jumps and cuts that pictures told. */
export function stripOf(
  object: number,
  track: Track | null,
  store: Results,
  frames: number,
  pixels: number,
  marks: Marks,
): Strip {
  const [presence, score, area] = [nans(frames), nans(frames), nans(frames)];
  for (let t = 0; t < frames; t++) {
    const kept = track?.hasResult(t) ? store.kept(object, t) : null;
    if (kept === null) continue;
    presence[t] = kept.presence;
    score[t] = kept.score;
    area[t] = kept.area / pixels;
  }
  const outdated = track === null ? [] : [...track.tracked.keys()].filter((t) => track.isOutdated(t));
  const jumps = new Set([...leaps(area), ...marks.of(object)].filter((t) => !Number.isNaN(area[t])));
  return {
    object,
    presence,
    score,
    area,
    prompted: track?.promptedFrames ?? [],
    stale: toRanges(outdated),
    jumps: [...jumps].sort((a, b) => a - b),
  };
}

function nans(length: number): Float32Array {
  return new Float32Array(length).fill(Number.NaN);
}

/** Frames whose mask is much larger or smaller than the one before. */
function leaps(area: Float32Array): number[] {
  const found: number[] = [];
  for (let t = 1; t < area.length; t++) {
    const [before, now] = [area[t - 1] as number, area[t] as number];
    const [small, large] = [Math.min(before, now), Math.max(before, now)];
    if (large > SMALL && large > LEAP * small) found.push(t);
  }
  return found;
}

/** Jumps that a run saw, and cuts of the picture; those that were kept are there from the beginning. */
export class Marks {
  private readonly frames = new Map<number | null, Set<number>>(); // object, null for cuts → frames
  private readonly kept: KeptMarks | null;
  private last: FrameMasks | null = null;

  constructor(kept: KeptMarks | null = null) {
    this.kept = kept;
    for (const { object, frame } of kept?.marks() ?? []) this.framesOf(object).add(frame);
  }

  /** Masks of a run, as they come. */
  pass(masks: FrameMasks): void {
    const { last } = this;
    this.last = masks;
    if (last === null || Math.abs(last.frame - masks.frame) !== 1) return;
    const later = Math.max(last.frame, masks.frame);
    for (const { object, rle } of masks.masks) {
      const before = last.masks.find((each) => each.object === object);
      if (before === undefined) continue;
      this.set({ object, frame: later }, hasJumped(before.rle, rle));
    }
  }

  cut(frame: number): void {
    this.set({ object: null, frame }, true);
  }

  of(object: number): number[] {
    return [...this.framesOf(object), ...this.framesOf(null)];
  }

  private set(mark: Mark, on: boolean): void {
    const frames = this.framesOf(mark.object);
    if (frames.has(mark.frame) === on) return;
    this.kept?.mark(mark, on);
    if (on) frames.add(mark.frame);
    else frames.delete(mark.frame);
  }

  private framesOf(object: number | null): Set<number> {
    const known = this.frames.get(object) ?? new Set();
    this.frames.set(object, known);
    return known;
  }
}

function hasJumped(before: Rle, now: Rle): boolean {
  const empty = (rle: Rle) => rle.counts.length < 2;
  return !empty(before) && !empty(now) && iou(before, now) < APART;
}

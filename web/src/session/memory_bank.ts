/**
 * What an object attends to on a frame: which memories, which pointers, at which temporal distance
 * (Python's `splitmask.session.memory_bank`).
 *
 * Plain functions of frame numbers; nothing here holds a tensor. The rules are those of SAM 2's memory bank
 * (Ravi et al. 2024, and the inference code of its release).
 */

import { SplitmaskError } from "@/core/errors";
import type { EnginePreset } from "@/engine/base";

const PROMPTED_SLOT = 0;

/** How much is attended to. */
export interface Limits {
  readonly numMemories: number;
  readonly maxPointers: number;
  readonly maxPrompted: number; // prompted frames, the closest in time first; −1 for all, else at least 2
  readonly stride: number; // of the recent memories all but the latest are taken at every stride-th frame
}

export function limitsOf(preset: EnginePreset, maxPrompted: number, stride = 1): Limits {
  if (maxPrompted !== -1 && maxPrompted < 2) {
    throw new SplitmaskError("prompt", `maxPrompted is ${maxPrompted}: give −1 for all, or 2 or more`);
  }
  if (stride < 1) throw new SplitmaskError("prompt", `the memory stride is ${stride}: give 1 or more`);
  return { numMemories: preset.numMemories, maxPointers: preset.maxPointers, maxPrompted, stride };
}

export interface Selection {
  /** slot 0 for a prompted frame, else 1…6 how many kept frames ago. */
  readonly memories: readonly { readonly frame: number; readonly slot: number }[];
  /** dt ≥ 0: the divided time between the frames. */
  readonly pointers: readonly { readonly frame: number; readonly dt: number }[];
}

/**
 * Up to `limit` prompted frames: the closest before, the closest at or after, then whatever is closest, the
 * earlier of equals. Ascending. −1: all.
 */
export function closestPrompted(frame: number, prompted: readonly number[], limit: number): number[] {
  if (limit === -1 || prompted.length <= limit) return ascending(prompted);
  const before = prompted.filter((t) => t < frame);
  const after = prompted.filter((t) => t >= frame);
  const chosen = [
    ...(before.length > 0 ? [Math.max(...before)] : []),
    ...(after.length > 0 ? [Math.min(...after)] : []),
  ];
  const rest = prompted.filter((t) => !chosen.includes(t));
  rest.sort((a, b) => Math.abs(a - frame) - Math.abs(b - frame) || a - b);
  return ascending([...chosen, ...rest.slice(0, limit - chosen.length)]);
}

function ascending(frames: Iterable<number>): number[] {
  return [...frames].sort((a, b) => a - b);
}

/**
 * The recent memories that could be attended to, the earliest passed first. Slot 1 is the frame just passed; the
 * others lie on every stride-th frame before it.
 */
export function recentFrames(
  frame: number,
  reverse: boolean,
  limits: Limits,
): { frame: number; slot: number }[] {
  const r = limits.stride;
  const onward = reverse ? -1 : 1;
  const nearest = reverse ? Math.ceil((frame + 2) / r) * r : Math.floor((frame - 2) / r) * r;
  const slots = Array.from({ length: limits.numMemories - 2 }, (_, i) => limits.numMemories - 1 - i);
  const earlier = slots.map((slot) => ({ frame: nearest - onward * (slot - 2) * r, slot }));
  return [...earlier, { frame: frame - onward, slot: 1 }];
}

/** What temporal distances are divided by: `min(frames, 16) − 1`, at least 1; 15 if unknown. */
export function pointerDivisor(frames: number | null, maxPointers: number): number {
  return Math.max(1, (frames === null ? maxPointers : Math.min(frames, maxPointers)) - 1);
}

/**
 * What an object attends to on `frame` in a run forward or in reverse.
 *
 * prompted: its prompted frames; isTracked: whether a frame, not prompted, has a result that may be attended to;
 * frames: the clip's length, null if unknown. A prompted frame that the limit leaves out still counts as a
 * tracked one. Pointers of prompted frames come only from the frames that the run has passed, and the frame
 * itself.
 */
export function select(
  frame: number,
  reverse: boolean,
  prompted: readonly number[],
  isTracked: (frame: number) => boolean,
  frames: number | null,
  limits: Limits,
): Selection {
  const chosen = closestPrompted(frame, prompted, limits.maxPrompted);
  const has = (t: number) => !chosen.includes(t) && (prompted.includes(t) || isTracked(t));
  const memories = chosen.map((t) => ({ frame: t, slot: PROMPTED_SLOT }));
  memories.push(...recentFrames(frame, reverse, limits).filter((each) => has(each.frame)));
  const sign = reverse ? -1 : 1;
  const times = chosen.map((t) => ({ frame: t, dt: (frame - t) * sign })).filter((each) => each.dt >= 0);
  const reach = frames === null ? limits.maxPointers : Math.min(frames, limits.maxPointers);
  for (let dt = 1; dt < reach; dt++) {
    if (has(frame - dt * sign)) times.push({ frame: frame - dt * sign, dt });
  }
  const divisor = pointerDivisor(frames, limits.maxPointers);
  return { memories, pointers: times.map((each) => ({ frame: each.frame, dt: each.dt / divisor })) };
}

/** Frames up to `frame` whose memories a run may still attend to after it: what to hold. */
export function liveWindow(frame: number, reverse: boolean, limits: Limits): Set<number> {
  const onward = reverse ? -1 : 1;
  const ahead = recentFrames(frame + onward, reverse, limits);
  const later = recentFrames(frame + 2 * onward, reverse, limits);
  const frames = [...ahead, ...later].map((each) => each.frame);
  return new Set(frames.filter((t) => (reverse ? t >= frame : t <= frame)));
}

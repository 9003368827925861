/**
 * Which results a changed prompt makes stale, and which frames a run has to work on
 * (Python's `splitmask.session.stale`).
 *
 * Plain functions of frame numbers. "Behind" and "ahead" are meant in the run's direction.
 */

export type Range = readonly [start: number, stop: number]; // half-open

/**
 * Tracked frames that a change of the prompt on `frame` makes stale for a run in one direction.
 *
 * From `frame` on to the object's next prompted frame, or to the end of what is tracked; beyond, the masks stand
 * until they are run again. prompted: the prompted frames after the change; `frame` itself is stale only if it is
 * no longer one of them.
 */
export function staleFrames(
  frame: number,
  reverse: boolean,
  prompted: readonly number[],
  tracked: Iterable<number>,
): Set<number> {
  const sign = reverse ? -1 : 1;
  const beyond = prompted.filter((p) => (p - frame) * sign > 0).map((p) => (p - frame) * sign);
  const end = Math.min(...beyond); // how far away the next prompted frame is; infinite if none
  const within = (t: number) => (t - frame) * sign >= 0 && (t - frame) * sign < end;
  return new Set([...tracked].filter((t) => within(t) && !prompted.includes(t)));
}

/**
 * Whether a run carries the object to `frame`: a prompted frame lies behind it, or the frame just behind holds a
 * fresh result. (Tracking towards the first prompt would guess what has not been shown yet; the run in the other
 * direction does that better.)
 */
export function isReached(
  frame: number,
  reverse: boolean,
  prompted: readonly number[],
  isFresh: (frame: number) => boolean,
): boolean {
  if (prompted.length === 0) return false;
  if (reverse) return Math.max(...prompted) >= frame || isFresh(frame + 1);
  return Math.min(...prompted) <= frame || isFresh(frame - 1);
}

/** Frame numbers → ascending half-open ranges. */
export function toRanges(frames: Iterable<number>): Range[] {
  const ranges: [number, number][] = [];
  for (const t of [...frames].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === t) last[1] = t + 1;
    else ranges.push([t, t + 1]);
  }
  return ranges;
}

/** The inverse. */
export function* fromRanges(ranges: readonly Range[]): Generator<number, void, undefined> {
  for (const [start, stop] of ranges) for (let t = start; t < stop; t++) yield t;
}

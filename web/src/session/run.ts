/** One run over the clip: where it goes, and what it has to work on (Python's `splitmask.session.run`). */

import { SplitmaskError } from "@/core/errors";
import type { Track } from "./track";

/** How a run goes. redo: work also on frames whose results are fresh. leadIn: track objects also before their
 * first prompted frame, until a run in the other direction does it better. stop: the frame that ends it, left out;
 * by default it goes to the end of the clip, in reverse to its beginning. */
export interface RunOptions {
  readonly reverse: boolean;
  readonly stop?: number | null;
  readonly redo: boolean;
  readonly leadIn: boolean;
}

/**
 * First frame of a run, and the frame that ends it, left out. By default from the first prompted frame (in
 * reverse the last). Throws `prompt` if nothing is prompted or there is no such frame.
 */
export function runBounds(
  start: number | null,
  { reverse, stop }: RunOptions,
  prompted: readonly number[],
  count: number,
): readonly [first: number, end: number] {
  if (prompted.length === 0) {
    throw new SplitmaskError("prompt", "there is nothing to track: click an object on some frame first");
  }
  const first = start ?? (reverse ? Math.max(...prompted) : Math.min(...prompted));
  if (!(first >= 0 && first < count)) {
    throw new SplitmaskError(
      "prompt",
      `a run cannot start on frame ${first}: choose one of 0 to ${count - 1}`,
    );
  }
  return [first, reverse ? Math.max(stop ?? -1, -1) : Math.min(stop ?? count, count)];
}

/** The objects that a run has to work on at a frame. */
export function workOn(tracks: Iterable<Track>, frame: number, options: RunOptions): Track[] {
  return [...tracks].filter((t) => t.needsRun(frame, options.reverse, options.redo, options.leadIn));
}

/** How many frames a run is going to work on, as far as can be told beforehand. */
export function plannedFrames(
  tracks: readonly Track[],
  first: number,
  end: number,
  options: RunOptions,
): number {
  const onward = options.reverse ? -1 : 1;
  let planned = 0;
  let carried = new Set<Track>();
  for (let t = first; (end - t) * onward > 0; t += onward) {
    const work = tracks.filter((track) => isAhead(track, t, options, carried));
    carried = new Set(work);
    if (work.length > 0) planned += 1;
  }
  return planned;
}

/** As `needsRun`, with what the run itself will have done on the frame before. */
function isAhead(track: Track, frame: number, options: RunOptions, carried: ReadonlySet<Track>): boolean {
  if (track.needsRun(frame, options.reverse, options.redo, options.leadIn)) return true;
  if (!carried.has(track) || track.prompted.has(frame)) return false;
  return !track.tracked.has(frame) || track.isOutdated(frame) || track.staleIn(options.reverse).has(frame);
}

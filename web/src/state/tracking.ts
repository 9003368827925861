/** Propagation, as the page sees it. What is run again is the session's business; where it begins is decided here. */

import { SplitmaskError } from "@/core/errors";
import { promptedFrames } from "@/state/document";
import { notify, report } from "@/state/notices";
import { currentClip, currentInfo, rangeOf, type Studio, say } from "@/state/studio";
import { refreshStrips } from "@/state/sync";
import { span } from "@/state/timecode";
import type { ObjectStrip, RunSummary, WorkerEvent } from "@/worker/contract";

/** Where a run begins: at the playhead if there is a mask, else at the nearest mask that it comes from. */
export function startOf(
  frame: number,
  reverse: boolean,
  strips: readonly ObjectStrip[],
  prompted: readonly number[],
): number | null {
  const masked = (at: number) => strips.some((strip) => !Number.isNaN(strip.score[at] ?? Number.NaN));
  const step = reverse ? 1 : -1;
  const length = Math.max(0, ...strips.map((strip) => strip.score.length));
  for (let at = frame; at >= 0 && at < length; at += step) if (masked(at) || prompted.includes(at)) return at;
  const ahead = prompted.filter((each) => (reverse ? each < frame : each > frame));
  return (reverse ? ahead.at(-1) : ahead[0]) ?? null;
}

export async function propagate(studio: Studio, reverse: boolean): Promise<void> {
  const clip = currentClip(studio);
  const info = currentInfo(studio);
  if (clip === null || info === null || studio.live.getState().run !== null) return;
  const { frame, strips, runLength } = studio.live.getState();
  const prompted = [...new Set(clip.objects.flatMap((each) => promptedFrames(clip, each.id)))].sort(
    (a, b) => a - b,
  );
  const start = startOf(frame, reverse, strips[clip.id] ?? [], prompted);
  if (start === null) {
    nothingToFollow(studio);
    return;
  }
  const [from, until] = rangeOf(clip, info);
  const stop = reverse ? from - 1 : until;
  if ((stop - start) * (reverse ? -1 : 1) <= 1) {
    atTheEnd(studio, reverse);
    return;
  }
  begin(studio, clip.id, reverse);
  try {
    const summary = await studio.worker.run({ clip: clip.id, start, reverse, maxFrames: runLength, stop });
    conclude(studio, summary);
  } catch (error) {
    report(studio, error, { label: "Try again", go: () => void propagate(studio, reverse) });
  } finally {
    studio.live.setState({ run: null });
    refreshStrips(studio, clip.id);
  }
}

function begin(studio: Studio, clip: string, reverse: boolean): void {
  const run = { clip, reverse, done: 0, total: 0, fps: 0, stopping: false, follow: true };
  studio.live.setState({ run, playing: false, hover: null });
  say(studio, reverse ? "Propagating backward" : "Propagating forward");
}

function nothingToFollow(studio: Studio): void {
  notify(studio, {
    level: "info",
    title: "Nothing to follow yet",
    text: "Click an object on the stage first; then Forward follows it.",
  });
}

function atTheEnd(studio: Studio, reverse: boolean): void {
  notify(studio, {
    level: "info",
    title: reverse ? "Already at the beginning" : "Already at the end",
    text: `There is no frame ${reverse ? "before" : "after"} this one in the range between in and out.`,
  });
}

function conclude(studio: Studio, summary: RunSummary): void {
  const frames = `${summary.frames} ${summary.frames === 1 ? "frame" : "frames"}`;
  if (summary.fault !== null) {
    report(studio, new SplitmaskError(summary.fault.code, `${summary.fault.message}; ${frames} are kept`));
    return;
  }
  if (summary.frames === 0 && summary.end === "done") {
    const text = "All frames on the way have their masks, and none is stale.";
    notify(studio, { level: "info", title: "Nothing left to follow", text });
    return;
  }
  const title = summary.end === "stopped" ? "Stopped" : "Followed";
  const kept = summary.end === "stopped" ? ", kept" : "";
  const text = `${frames} in ${span(summary.seconds)}${kept}.`;
  notify(studio, { level: "success", title, text });
}

export async function stopRun(studio: Studio): Promise<void> {
  const { run } = studio.live.getState();
  if (run === null || run.stopping) return;
  studio.live.setState({ run: { ...run, stopping: true } });
  await studio.worker.stop(run.clip).catch((error) => report(studio, error));
}

const STRIPS_EVERY = 500; // milliseconds
let lastStrips = 0;

export function onRunEvent(studio: Studio, event: Extract<WorkerEvent, { type: "run" }>): void {
  studio.masks.put(event.clip, event.masks);
  const { run, clip } = studio.live.getState();
  if (run === null || run.clip !== event.clip) return;
  const { done, total, fps } = event;
  const following = run.follow && clip === event.clip;
  studio.live.setState({
    run: { ...run, done, total, fps },
    ...(following ? { frame: event.masks.frame } : {}),
  });
  if (performance.now() - lastStrips > STRIPS_EVERY) {
    lastStrips = performance.now();
    refreshStrips(studio, event.clip);
  }
}

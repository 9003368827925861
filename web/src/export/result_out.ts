/** `result.json`, version 1: every prompt given and every mask found (Python's `splitmask.result`). */

import { type RleJson, rleToJson } from "@/core/counts";
import type { Prompt } from "@/core/types";
import type { Clip } from "@/media/clip";
import type { VideoSession } from "@/session/video";
import type { Label } from "./base";

export const FORMAT = "splitmask.result";
export const VERSION = 1;
const TICKS = 90_000; // a second: the usual frame rates are whole numbers of them

interface ModelInfo {
  readonly name: string;
  readonly weightsSha256: string;
}

/**
 * labels: names and colours as the page shows them; an object without gets plain ones. sha256: of the clip's file;
 * "" where it is not known.
 */
export function writeResult(
  clip: Clip,
  sha256: string,
  session: VideoSession,
  model: ModelInfo,
  labels: readonly { readonly object: number; readonly name: string; readonly color: string }[],
): string {
  const frames = session.frames();
  return JSON.stringify({
    format: FORMAT,
    version: VERSION,
    source: {
      name: clip.name,
      sha256,
      width: clip.width,
      height: clip.height,
      frames: clip.timestamps.length,
      timeBase: [1, TICKS],
      rotation: clip.rotation,
    },
    model,
    objects: session.objects.map((id) => labelOf(id, labels)),
    prompts: session.prompts.map((each) => promptJson(each.frame, each.object, each.prompt)),
    frames: frames.map((index) => ({
      index,
      pts: clip.kind === "video" ? Math.round((clip.timestamps[index] ?? 0) * TICKS) : null,
      objects: session.masks(index).masks.map(({ object, rle, score, presence, prompted }) => ({
        id: object,
        rle: rleToJson(rle),
        score,
        presence,
        prompted,
      })),
    })),
    complete: isComplete(clip, session),
  });
}

function labelOf(id: number, labels: Parameters<typeof writeResult>[4]): Label {
  const label = labels.find(({ object }) => object === id);
  return { id, name: label?.name ?? `object ${id}`, color: label?.color ?? "#ff3b6b" };
}

function promptJson(frame: number, object: number, prompt: Prompt) {
  const mask: RleJson | null = prompt.mask === null ? null : rleToJson(prompt.mask);
  const points = prompt.points.map(({ x, y }) => [x, y]);
  return { frame, object, points, labels: prompt.labels, box: prompt.box, mask };
}

/** Whether every object has a mask on every frame, and none is overtaken. */
function isComplete(clip: Clip, session: VideoSession): boolean {
  return session.objects.every((object) => {
    const track = session.track(object);
    const frames = new Set([...track.prompted.keys(), ...track.tracked.keys()]);
    return frames.size === clip.timestamps.length && session.stale(object).length === 0;
  });
}

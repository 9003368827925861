/** Kept masks as a `result.json` that the worker takes back. */

import { countsToRuns, type RleJson, rleToJson } from "@/core/counts";
import type { FrameMasks, Prompt, Rle } from "@/core/types";
import { type ClipDoc, fromPromptKey, promptKey } from "@/state/document";
import type { ClipInfo } from "@/worker/contract";

/** `model`: whose masks they are; the worker says of others that they cannot be tracked on. */
export function resultOf(
  clip: ClipDoc,
  info: ClipInfo,
  frames: readonly FrameMasks[],
  model: { readonly name: string; readonly weightsSha256: string },
): string {
  const known = new Set(clip.objects.map((each) => each.id));
  const { name, sha256, width, height, rotation } = info;
  return JSON.stringify({
    format: "splitmask.result",
    version: 1,
    source: { name, sha256, width, height, frames: info.frames, timeBase: [1, 1_000_000], rotation },
    model,
    objects: clip.objects.map(({ id, name, color }) => ({ id, name, color })),
    prompts: Object.entries(clip.prompts).map(([key, prompt]) => promptJson(key, prompt)),
    frames: [...frames]
      .sort((a, b) => a.frame - b.frame)
      .map((each) => frameJson(each, info, known))
      .filter((each) => each.objects.length > 0),
    complete: false,
  });
}

function promptJson(key: string, prompt: Prompt): object {
  const { object, frame } = fromPromptKey(key);
  const points = prompt.points.map((point) => [point.x, point.y]);
  const mask = prompt.mask === null ? null : rleToJson(prompt.mask);
  return { frame, object, points, labels: prompt.labels, box: prompt.box, mask };
}

function frameJson(each: FrameMasks, info: ClipInfo, known: ReadonlySet<number>) {
  const seconds = info.timestamps[each.frame] ?? 0;
  return {
    index: each.frame,
    pts: info.kind === "video" ? Math.round(seconds * 1_000_000) : null,
    objects: each.masks
      .filter((mask) => known.has(mask.object))
      .map(({ object, rle, score, presence, prompted }) => ({
        id: object,
        rle: rleToJson(rle),
        score,
        presence,
        prompted,
      })),
  };
}

// What is read below is checked by the worker, which reads it again.

type PromptJson = Omit<Prompt, "points" | "mask"> & {
  readonly frame: number;
  readonly object: number;
  readonly points: readonly (readonly [number, number])[];
  readonly mask: RleJson | null;
};

export function promptsOf(result: string): Record<string, Prompt> {
  const { prompts } = JSON.parse(result) as { readonly prompts: readonly PromptJson[] };
  return Object.fromEntries(
    prompts.map(({ frame, object, points, labels, box, mask }) => [
      promptKey(object, frame),
      {
        points: points.map(([x, y]) => ({ x, y })),
        labels,
        box,
        mask: mask === null ? null : fromJson(mask),
      },
    ]),
  );
}

type FrameJson = {
  readonly index: number;
  readonly objects: readonly {
    readonly id: number;
    readonly rle: RleJson;
    readonly score: number;
    readonly presence: number;
    readonly prompted: boolean;
  }[];
};

export function framesOf(result: string): FrameMasks[] {
  const { frames } = JSON.parse(result) as { readonly frames: readonly FrameJson[] };
  return frames.map(({ index, objects }) => ({
    frame: index,
    masks: objects.map(({ id, rle, ...rest }) => ({ object: id, rle: fromJson(rle), ...rest })),
  }));
}

function fromJson({ size, counts }: RleJson): Rle {
  return { size, counts: countsToRuns(counts) };
}

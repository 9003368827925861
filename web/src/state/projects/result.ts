/** Prompts of a `result.json`, for the document. The worker, which reads it again, checks it. */

import { countsToRuns, type RleJson } from "@/core/counts";
import type { Prompt } from "@/core/types";
import { promptKey } from "@/state/document";

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
        mask: mask === null ? null : { size: mask.size, counts: countsToRuns(mask.counts) },
      },
    ]),
  );
}

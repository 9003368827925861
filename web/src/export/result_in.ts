/** Reads a `result.json` of this version, from here or from Python, into a session's results. */

import { z } from "zod";
import { rleFromJson, rleSchema } from "@/core/counts";
import { SplitmaskError } from "@/core/errors";
import type { Prompt, Size } from "@/core/types";
import { toRanges } from "@/session/stale";
import type { TrackState } from "@/session/track";
import type { ResultStore } from "@/store/store";
import { FORMAT, VERSION } from "./result_out";

const promptSchema = z.object({
  frame: z.int().nonnegative(),
  object: z.int(),
  points: z.array(z.tuple([z.number(), z.number()])).default([]),
  labels: z.array(z.union([z.literal(0), z.literal(1)])).default([]),
  box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullish(),
  mask: rleSchema.nullish(),
});
const maskSchema = z.object({
  id: z.int(),
  rle: rleSchema,
  score: z.number(),
  presence: z.number(),
  prompted: z.boolean(),
});
const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  source: z.object({
    name: z.string(),
    width: z.int().positive(),
    height: z.int().positive(),
    frames: z.int().positive(),
  }),
  objects: z.array(z.object({ id: z.int(), name: z.string(), color: z.string() })),
  prompts: z.array(promptSchema),
  frames: z.array(z.object({ index: z.int().nonnegative(), objects: z.array(maskSchema) })),
});

export type Result = z.infer<typeof schema>;

/** Throws SplitmaskError `result`: the field that is wrong, or a result of another clip. */
export function readResult(json: string, clip: Size & { readonly timestamps: Float64Array }): Result {
  const found = schema.safeParse(parsed(json));
  if (!found.success) {
    const issue = found.error.issues[0];
    throw wrong(`${pathOf(issue?.path ?? [])}: ${issue?.message ?? "it is wrong"}`);
  }
  const { source, frames } = found.data;
  if (source.width !== clip.width || source.height !== clip.height) {
    const sizes = `${source.width}×${source.height}, this clip is ${clip.width}×${clip.height}`;
    throw wrong(`source: it is of a clip of ${sizes}: open the clip that it was made of`);
  }
  const beyond = frames.findIndex(({ index }) => index >= clip.timestamps.length);
  if (beyond >= 0) throw wrong(`frames[${beyond}].index: this clip has ${clip.timestamps.length} frames`);
  return found.data;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new SplitmaskError("result", "this is no result.json: it is not JSON", { cause });
  }
}

/** `frames[3].objects[0].rle`, as Python's messages have it. */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}

function wrong(message: string): SplitmaskError {
  return new SplitmaskError("result", `this result.json cannot be used: ${message}`);
}

/** Keeps its masks, and gives what a session has to know of each object. */
export function keepResult(result: Result, store: ResultStore): TrackState[] {
  result.frames.forEach(({ index, objects }, i) => {
    objects.forEach((each, k) => {
      const rle = sized(rleFromJson(each.rle, `frames[${i}].objects[${k}].rle`), result);
      const { score, presence, prompted } = each;
      const output = { logits: new Float32Array(0), side: 0, pointer: new Float32Array(0), score, presence };
      const first = firstPrompted(result, each.id);
      store.putMask(each.id, index, output, prompted ? null : index < first, rle);
    });
  });
  const states = result.objects
    .map(({ id }) => stateOf(result, id))
    .filter(({ prompted, tracked }) => prompted.length + tracked.forward.length + tracked.reverse.length > 0);
  for (const state of states) store.saveState(state);
  return states;
}

function sized(rle: ReturnType<typeof rleFromJson>, { source }: Result): ReturnType<typeof rleFromJson> {
  if (rle.size[0] === source.height && rle.size[1] === source.width) return rle;
  throw wrong(`a mask of ${rle.size.join("×")} in a clip of ${source.height}×${source.width}`);
}

function firstPrompted(result: Result, id: number): number {
  const frames = result.frames.filter(({ objects }) =>
    objects.some((each) => each.id === id && each.prompted),
  );
  return Math.min(...frames.map(({ index }) => index));
}

/** What lies before the first prompt was tracked in reverse, the rest forward. */
function stateOf(result: Result, id: number): TrackState {
  const first = firstPrompted(result, id);
  const of = (prompted: boolean) =>
    result.frames.flatMap(({ index, objects }) =>
      objects.some((each) => each.id === id && each.prompted === prompted) ? [index] : [],
    );
  const tracked = of(false);
  return {
    object: id,
    prompted: of(true).map((frame) => ({ frame, prompt: promptOf(result, id, frame), direction: null })),
    tracked: {
      forward: toRanges(tracked.filter((t) => t > first)),
      reverse: toRanges(tracked.filter((t) => t < first)),
    },
    stale: { forward: [], reverse: [] },
  };
}

/** As it was said; where it is not said, the mask itself stands for it. */
function promptOf(result: Result, id: number, frame: number): Prompt {
  const said = result.prompts.find((each) => each.object === id && each.frame === frame);
  const seen = result.frames.find(({ index }) => index === frame)?.objects.find((each) => each.id === id);
  if (said === undefined) {
    const mask = seen === undefined ? null : rleFromJson(seen.rle, "frames");
    return { points: [], labels: [], box: null, mask };
  }
  return {
    points: said.points.map(([x, y]) => ({ x, y })),
    labels: said.labels,
    box: said.box ?? null,
    mask: said.mask ? rleFromJson(said.mask, "prompts") : null,
  };
}

/** A bundle's `manifest.json`, version 1 (docs/bundle.md; Python's `splitmask.bundle.manifest`). */

import { z } from "zod";
import { rleFromJson, rleSchema } from "@/core/counts";
import type { Prompt } from "@/core/types";
import { bad, tensorSchema } from "./tensors";

const MOST_PIXELS = 1 << 28;

const objectSchema = z.object({
  id: z.int().nonnegative(),
  name: z.string(),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/, "a colour as #rrggbb"),
  imageEmbed: z.string().nullish(),
  logits: z.string().nullish(),
  presence: z.number(),
  score: z.number(),
});
const promptSchema = z.object({
  object: z.int(),
  points: z.array(z.tuple([z.number(), z.number()])).default([]),
  labels: z.array(z.union([z.literal(0), z.literal(1)])).default([]),
  box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullish(),
  mask: rleSchema.nullish(),
});
const schema = z.object({
  version: z.literal(1).optional(),
  model: z.string().default(""),
  weightsSha256: z.string().default(""),
  originalWidth: z.int().positive(),
  originalHeight: z.int().positive(),
  source: z.object({ frame: z.int().nonnegative().nullish() }).nullish(),
  tensors: z
    .object({ image_embed: tensorSchema, high_res_feats_0: tensorSchema, high_res_feats_1: tensorSchema })
    .catchall(tensorSchema),
  objects: z.array(objectSchema).default([]),
  prompts: z.array(promptSchema).default([]),
});

export type Manifest = z.infer<typeof schema>;

/** name: the bundle's, for messages. Throws SplitmaskError `bundle`: the field that is wrong. */
export function parseManifest(text: string, name: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(name, "manifest.json is not JSON; encode the picture again", cause);
  }
  const found = schema.safeParse(value);
  if (!found.success) {
    const issue = found.error.issues[0];
    throw bad(name, `manifest.json: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  if (found.data.originalWidth * found.data.originalHeight > MOST_PIXELS) {
    throw bad(name, "its picture is too large to be shown");
  }
  return found.data;
}

/** What was said of an object on the frame; null: nothing was. Throws `bundle`. */
export function promptOf(manifest: Manifest, object: number, name: string): Prompt | null {
  const said = manifest.prompts.find((each) => each.object === object);
  if (said === undefined) return null;
  if (said.points.length !== said.labels.length) {
    throw bad(name, `manifest.json: the prompt of object ${object} has not one label for each point`);
  }
  return {
    points: said.points.map(([x, y]) => ({ x, y })),
    labels: said.labels,
    box: said.box ?? null,
    mask: said.mask ? maskOf(said.mask, manifest, name) : null,
  };
}

function maskOf(json: z.infer<typeof rleSchema>, manifest: Manifest, name: string): Prompt["mask"] {
  const [height, width] = json.size;
  if (width !== manifest.originalWidth || height !== manifest.originalHeight) {
    throw bad(name, "manifest.json: a prompt's mask is not of the picture's size");
  }
  try {
    return rleFromJson(json, "prompts");
  } catch (cause) {
    throw bad(name, "manifest.json: a prompt's mask is damaged; copy it again", cause);
  }
}

/**
 * A project as one file: a `.splitmask` zip.
 *
 *   project.json            name, clips and edits, below
 *   results/ID/result.json  prompts and masks of a clip, as everywhere (docs)
 *   media/ID/NAME           the clip's file, if it was taken along
 */

import { strFromU8, strToU8, unzip, type Zippable, zip } from "fflate";
import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import { type ClipDoc, DISPLAY, type StudioDoc } from "@/state/document";
import type { ClipId } from "@/worker/contract";

const FORMAT = "splitmask.project";

const edit = z.object({
  id: z.int().positive(),
  name: z.string(),
  color: z.string().regex(/^#[0-9a-fA-F]{6}$/),
  visible: z.boolean().default(true),
  combine: z.enum(["add", "subtract", "intersect"]).default("add"),
});

const display = z.object({
  view: z.enum(["overlay", "cutout", "erase"]),
  opacity: z.number().min(0).max(1),
  feather: z.number().min(0).max(50),
  invert: z.boolean(),
});

const clip = z.object({
  id: z.string().regex(/^[\w-]+$/),
  name: z.string(),
  kind: z.enum(["video", "image", "bundle"]),
  sha256: z.string(),
  result: z.string(),
  media: z.string().nullable().default(null),
  objects: z.array(edit),
  display: display.default(DISPLAY),
  range: z.tuple([z.int().nonnegative(), z.int().positive()]).nullable().default(null),
});

const project = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  name: z.string(),
  clips: z.array(clip),
});

export type ProjectJson = z.infer<typeof project>;
export type ClipJson = z.infer<typeof clip>;

export interface ArchivedClip {
  readonly clip: ClipJson;
  readonly result: string; // result.json
  readonly media: File | null;
}

export interface Archive {
  readonly name: string;
  readonly clips: readonly ArchivedClip[];
}

export interface Packed {
  readonly result: string;
  readonly media: File | null;
}

export async function pack(doc: StudioDoc, contents: ReadonlyMap<ClipId, Packed>): Promise<Blob> {
  const files: Zippable = {};
  const clips: ClipJson[] = [];
  for (const id of doc.order) {
    const [held, packed] = [doc.clips[id], contents.get(id)];
    if (held === undefined || packed === undefined) continue;
    const json = clipJson(held, packed);
    clips.push(json);
    files[json.result] = strToU8(packed.result);
    if (packed.media !== null && json.media !== null) {
      files[json.media] = [new Uint8Array(await packed.media.arrayBuffer()), { level: 0 }];
    }
  }
  const json: ProjectJson = { format: FORMAT, version: 1, name: doc.name, clips };
  files["project.json"] = strToU8(JSON.stringify(json, null, 1));
  const bytes = await new Promise<Uint8Array<ArrayBuffer>>((done, fail) => {
    zip(files, { level: 6 }, (error, data) => (error ? fail(error) : done(data as Uint8Array<ArrayBuffer>)));
  });
  return new Blob([bytes], { type: "application/zip" });
}

function clipJson(held: ClipDoc, packed: Packed): ClipJson {
  const { id, name, kind, sha256, display: shown } = held;
  return {
    ...{ id, name, kind, sha256 },
    result: `results/${id}/result.json`,
    media: packed.media === null ? null : `media/${id}/${packed.media.name}`,
    objects: held.objects.map((each) => ({ ...each })),
    display: { ...shown },
    range: held.range === null ? null : [held.range[0], held.range[1]],
  };
}

/** Throws SplitmaskError `result` that says what is missing or wrong. */
export async function unpack(file: Blob & { readonly name?: string }): Promise<Archive> {
  const name = file.name ?? "The project";
  const entries = await unzipped(new Uint8Array(await file.arrayBuffer()), name);
  const text = entries["project.json"];
  if (text === undefined) throw bad(name, "there is no project.json in it");
  const parsed = project.safeParse(json(strFromU8(text), name));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(name, `project.json, ${issue?.path.join(".") || "top"}: ${issue?.message ?? "unreadable"}`);
  }
  const clips = parsed.data.clips.map((each) => {
    const result = entries[each.result];
    if (result === undefined) throw bad(name, `${each.result} is missing`);
    const media = each.media === null ? undefined : entries[each.media];
    return { clip: each, result: strFromU8(result), media: media === undefined ? null : asFile(media, each) };
  });
  return { name: parsed.data.name, clips };
}

function asFile(bytes: Uint8Array, each: ClipJson): File {
  const name = each.media?.split("/").at(-1) ?? each.name;
  return new File([bytes as Uint8Array<ArrayBuffer>], name);
}

function unzipped(bytes: Uint8Array, name: string): Promise<Record<string, Uint8Array>> {
  return new Promise((done, fail) => {
    unzip(bytes, (error, data) => (error ? fail(bad(name, "it is not a zip, or cut short")) : done(data)));
  });
}

function json(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad(name, "project.json is not JSON");
  }
}

function bad(name: string, what: string): SplitmaskError {
  return new SplitmaskError("result", `${name} is not a project that can be opened: ${what}`);
}

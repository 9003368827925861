/** Bundles: a picture's features, encoded elsewhere (docs/bundle.md; Python's `splitmask.bundle`). */

import { strFromU8, unzipSync } from "fflate";
import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import type { Engine, FeatureArrays, Pixels } from "@/engine/base";
import { type Manifest, parseManifest, promptOf } from "./manifest";
import type { Given, Reader } from "./source";
import { bad, type Numbers, unpack } from "./tensors";

export interface Bundle {
  readonly size: Size; // of the picture
  readonly model: string; // "": not said
  readonly weightsSha256: string; // "": not said
  readonly features: FeatureArrays;
  readonly preview: Blob | null;
  /** A frame of a clip is answered by the policy of a clip, a still by that of stills. */
  readonly isStill: boolean;
  readonly objects: readonly Given[];
}

/** Whether a file is one, as far as its name says. */
export function isBundle(file: { readonly name: string; readonly type: string }): boolean {
  return /\.zip$/i.test(file.name) || file.type === "application/zip";
}

/** Rejects with `bundle`: what is missing, damaged or of another version. */
export async function readBundle(file: File): Promise<Bundle> {
  const { name } = file;
  const files = unpacked(new Uint8Array(await file.arrayBuffer()), name);
  const manifest = parseManifest(strFromU8(required(files, "manifest.json", name)), name);
  const data = required(files, "embedding.bin", name);
  const tensor = (what: string) => {
    const entry = manifest.tensors[what];
    if (entry === undefined) throw bad(name, `manifest.json: there is no tensor ${what}`);
    return unpack(name, what, entry, data);
  };
  const features = {
    imageEmbed: await tensor("image_embed"),
    highRes0: await tensor("high_res_feats_0"),
    highRes1: await tensor("high_res_feats_1"),
  };
  checkShapes(features, name);
  const picture = files["preview.jpg"];
  return {
    size: { width: manifest.originalWidth, height: manifest.originalHeight },
    model: manifest.model,
    weightsSha256: manifest.weightsSha256,
    features,
    preview: picture === undefined ? null : new Blob([picture], { type: "image/jpeg" }),
    isStill: manifest.source?.frame == null,
    objects: await given(manifest, tensor, features.imageEmbed.dims, name),
  };
}

/** Throws `bundle` unless the three belong together, whatever the model. */
function checkShapes({ imageEmbed, highRes0, highRes1 }: FeatureArrays, name: string): void {
  const [, c = 0, h = 0] = imageEmbed.dims;
  const wanted = [
    ["image_embed", imageEmbed, [1, c, h, h]],
    ["high_res_feats_0", highRes0, [1, c / 8, 4 * h, 4 * h]],
    ["high_res_feats_1", highRes1, [1, c / 4, 2 * h, 2 * h]],
  ] as const;
  for (const [what, { dims }, shape] of wanted) {
    if (dims.join() === shape.join()) continue;
    throw bad(
      name,
      `${what} has the shape ${dims.join("×")}, which does not belong; encode the picture again`,
    );
  }
}

/** What is known of each object; its tensors have to fit those of the frame. */
async function given(
  manifest: Manifest,
  tensor: (what: string) => Promise<Numbers>,
  dims: readonly number[],
  name: string,
): Promise<Given[]> {
  const fitting = async (what: string | null | undefined, shape: readonly number[]) => {
    if (what == null) return null;
    const found = await tensor(what);
    if (found.dims.join() === shape.join()) return found;
    throw bad(name, `${what} has the shape ${found.dims.join("×")} instead of ${shape.join("×")}`);
  };
  const side = 4 * (dims[2] ?? 0);
  const objects: Given[] = [];
  for (const { id, name: title, color, imageEmbed, logits, score, presence } of manifest.objects) {
    const embed = await fitting(imageEmbed, dims);
    const mask = await fitting(logits, [1, 1, side, side]);
    objects.push({
      ...{ object: id, name: title, color, embed },
      mask: mask === null ? null : { logits: mask.data, side, score, presence },
      prompt: promptOf(manifest, id, name),
    });
  }
  return objects;
}

type Files = Record<string, Uint8Array<ArrayBuffer>>;

/** By name alone: somebody may have zipped the folder. */
function unpacked(bytes: Uint8Array, name: string): Files {
  try {
    const files = unzipSync(bytes);
    return Object.fromEntries(
      Object.entries(files).map(([path, data]) => [
        path.split("/").at(-1) ?? path,
        data as Uint8Array<ArrayBuffer>,
      ]),
    );
  } catch (cause) {
    throw bad(name, "it is not a zip, or it is cut off; copy it again", cause);
  }
}

function required(files: Files, part: string, name: string): Uint8Array<ArrayBuffer> {
  const data = files[part];
  if (data === undefined)
    throw bad(name, `there is no ${part} in it: give a bundle that splitmask encode has written`);
  return data;
}

/** Throws SplitmaskError `bundle` unless the engine's decoder reads these features. */
export function checkBundle(bundle: Bundle, engine: Engine, name: string): void {
  const { preset, weightsSha256 } = engine;
  if (bundle.model !== "" && bundle.model !== preset.name) {
    throw bad(name, `it is of the model ${bundle.model}, not of ${preset.name}: choose ${bundle.model}`);
  }
  if (bundle.weightsSha256 !== "" && bundle.weightsSha256 !== weightsSha256) {
    throw bad(name, `it is of other weights of ${preset.name}: encode the picture again`);
  }
  const [, channels, grid] = bundle.features.imageEmbed.dims;
  if (channels !== preset.dim || grid !== preset.imageSize / 16) {
    throw bad(name, `its features do not fit ${preset.name}: choose the model that it was encoded with`);
  }
}

export class BundleReader implements Reader {
  readonly size: Size;
  readonly count = 1;
  readonly isStill: boolean;
  readonly given: readonly Given[];
  private readonly bundle: Bundle;

  constructor(bundle: Bundle) {
    this.bundle = bundle;
    this.size = bundle.size;
    this.isStill = bundle.isStill;
    this.given = bundle.objects;
  }

  async at(): Promise<Pixels> {
    throw new SplitmaskError("bundle", "a bundle holds features, not the picture they are of");
  }

  nextInRun(): Promise<Pixels> {
    return this.at();
  }

  async features(): Promise<FeatureArrays> {
    return this.bundle.features;
  }
}

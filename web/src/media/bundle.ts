/** Bundles: a picture's features, encoded elsewhere (docs/bundle.md; Python's `splitmask.bundle`). */

import { strFromU8, unzipSync } from "fflate";
import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import { fromHalf } from "@/core/half";
import type { Size } from "@/core/types";
import type { Engine, FeatureArrays, Pixels } from "@/engine/base";
import type { Reader } from "./source";

const MOST_PIXELS = 1 << 28;

const tensor = z.object({
  dtype: z.enum(["float32", "float16", "int8"]).default("float32"),
  shape: z.array(z.int().positive()).length(4),
  offset: z.int().nonnegative(),
  scale: z.union([z.number(), z.array(z.number())]).nullish(),
});
const schema = z.object({
  version: z.literal(1).optional(),
  model: z.string().default(""),
  weightsSha256: z.string().default(""),
  originalWidth: z.int().positive(),
  originalHeight: z.int().positive(),
  tensors: z.object({ image_embed: tensor, high_res_feats_0: tensor, high_res_feats_1: tensor }),
});

type TensorEntry = z.infer<typeof tensor>;

export interface Bundle {
  readonly size: Size; // of the picture
  readonly model: string; // "": not said
  readonly weightsSha256: string; // "": not said
  readonly features: FeatureArrays;
  readonly preview: Blob | null;
}

/** Whether a file is one, as far as its name says. */
export function isBundle(file: { readonly name: string; readonly type: string }): boolean {
  return /\.zip$/i.test(file.name) || file.type === "application/zip";
}

/** Throws SplitmaskError `bundle`: what is missing, damaged or of another version. */
export async function readBundle(file: File): Promise<Bundle> {
  const files = unpacked(new Uint8Array(await file.arrayBuffer()), file.name);
  const manifest = parsed(required(files, "manifest.json", file.name), file.name);
  const data = required(files, "embedding.bin", file.name);
  const feature = (name: keyof typeof manifest.tensors) => {
    const entry = manifest.tensors[name];
    return { dims: entry.shape, data: unpack(name, entry, data, file.name) };
  };
  const picture = files["preview.jpg"];
  return {
    size: { width: manifest.originalWidth, height: manifest.originalHeight },
    model: manifest.model,
    weightsSha256: manifest.weightsSha256,
    features: {
      imageEmbed: feature("image_embed"),
      highRes0: feature("high_res_feats_0"),
      highRes1: feature("high_res_feats_1"),
    },
    preview: picture === undefined ? null : new Blob([picture], { type: "image/jpeg" }),
  };
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

function parsed(data: Uint8Array, name: string): z.infer<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(strFromU8(data));
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

function unpack(what: string, entry: TensorEntry, data: Uint8Array, name: string): Float32Array {
  const count = entry.shape.reduce((product, n) => product * n, 1);
  const each = { float32: 4, float16: 2, int8: 1 }[entry.dtype];
  if (entry.offset + count * each > data.length) {
    throw bad(name, `${what} lies beyond the end of embedding.bin, which is cut off; copy it again`);
  }
  const bytes = data.slice(entry.offset, entry.offset + count * each);
  if (entry.dtype === "float32") return new Float32Array(bytes.buffer);
  if (entry.dtype === "float16") return Float32Array.from(new Uint16Array(bytes.buffer), fromHalf);
  return scaled(new Int8Array(bytes.buffer), entry, what, name);
}

/** int8: one scale for the tensor, or one per channel. */
function scaled(values: Int8Array, entry: TensorEntry, what: string, name: string): Float32Array {
  const scale = typeof entry.scale === "number" ? [entry.scale] : entry.scale;
  const [, channels = 1] = entry.shape;
  if (!scale || (scale.length !== 1 && scale.length !== channels)) {
    throw bad(name, `manifest.json: tensors.${what}.scale: one number, or one per channel`);
  }
  const plane = values.length / ((entry.shape[0] ?? 1) * channels);
  return Float32Array.from(values, (v, i) => v * (scale[Math.floor(i / plane) % scale.length] as number));
}

function bad(name: string, why: string, cause?: unknown): SplitmaskError {
  return new SplitmaskError("bundle", `${name}: ${why}`, { cause });
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
  readonly isStill = true;
  private readonly bundle: Bundle;

  constructor(bundle: Bundle) {
    this.bundle = bundle;
    this.size = bundle.size;
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

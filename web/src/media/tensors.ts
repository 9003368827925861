/** Tensors of a bundle's `embedding.bin` (docs/bundle.md; Python's `splitmask.bundle.tensors`). */

import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import { fromHalf } from "@/core/half";
import { sha256 } from "@/models/sha256";

const BYTES = { float32: 4, float16: 2, int8: 1 } as const;
const LARGEST = 1e6; // far beyond what any model makes

export const tensorSchema = z.object({
  dtype: z.enum(["float32", "float16", "int8"]).default("float16"),
  shape: z.array(z.int().positive()).min(1),
  offset: z.int().nonnegative(),
  sha256: z.string().nullish(),
  scale: z.union([z.number(), z.array(z.number())]).nullish(),
});

export type TensorEntry = z.infer<typeof tensorSchema>;

export interface Numbers {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** name: for messages, the file's and the tensor's. Rejects with `bundle`: cut off, damaged, not finite. */
export async function unpack(
  name: string,
  what: string,
  entry: TensorEntry,
  from: Uint8Array,
): Promise<Numbers> {
  const count = entry.shape.reduce((product, n) => product * n, 1);
  const end = entry.offset + count * BYTES[entry.dtype];
  if (end > from.length) {
    throw bad(name, `${what} lies beyond the end of embedding.bin, which is cut off; copy it again`);
  }
  const bytes = from.slice(entry.offset, end);
  if (entry.sha256 && (await sha256(bytes)) !== entry.sha256.toLowerCase()) {
    throw bad(name, `${what} is damaged (its sha256 is another); copy it again`);
  }
  const data = numbers(bytes, entry, what, name);
  if (!data.every((value) => Math.abs(value) <= LARGEST)) {
    throw bad(name, `${what} holds numbers that no model makes; encode the picture again`);
  }
  return { dims: entry.shape, data };
}

function numbers(bytes: Uint8Array, entry: TensorEntry, what: string, name: string): Float32Array {
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

export function bad(name: string, why: string, cause?: unknown): SplitmaskError {
  return new SplitmaskError("bundle", `${name}: ${why}`, { cause });
}

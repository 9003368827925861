/** Bundles as files: what of them is read, and how damage is named. */

import { createHash } from "node:crypto";
import { strToU8, zipSync } from "fflate";
import { expect, test } from "vitest";
import { BundleReader, readBundle } from "@/media/bundle";

interface Entry {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const filled = (shape: readonly number[], value: number): Entry => ({
  shape,
  values: new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(value),
});
const TENSORS: Record<string, Entry> = {
  image_embed: filled([1, 8, 2, 2], 0.5),
  high_res_feats_0: filled([1, 1, 8, 8], 0.25),
  high_res_feats_1: filled([1, 2, 4, 4], -1),
  "objects.3.image_embed": filled([1, 8, 2, 2], 0.75),
  "objects.3.logits": filled([1, 1, 8, 8], 6),
};
const OBJECT = {
  ...{ id: 3, name: "dog", color: "#102030", presence: 2.5, score: 0.9 },
  ...{ imageEmbed: "objects.3.image_embed", logits: "objects.3.logits" },
};
const PROMPT = { frame: 14, object: 3, points: [[4, 5]], labels: [0], box: null, mask: null };

type Json = Record<string, unknown>;

/** A bundle of floats; edit changes its manifest, touch its bytes. */
function bundle(
  edit: (manifest: Json, tensors: Record<string, Json>) => void = () => {},
  touch: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (bytes) => bytes,
  entries = TENSORS,
): File {
  const tensors: Record<string, Json> = {};
  const parts: number[] = [];
  for (const [name, { shape, values }] of Object.entries(entries)) {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    tensors[name] = { dtype: "float32", shape, offset: parts.length * 4, bytes: bytes.length, sha256 };
    parts.push(...values);
  }
  const manifest: Json = { version: 1, originalWidth: 20, originalHeight: 10, tensors };
  Object.assign(manifest, { source: { name: "a.mp4", sha256: "", frame: 14, frames: 20 } });
  Object.assign(manifest, { objects: [OBJECT], prompts: [PROMPT] });
  edit(manifest, tensors);
  const data = touch(new Uint8Array(Float32Array.from(parts).buffer));
  const zip = zipSync({ "a/manifest.json": strToU8(JSON.stringify(manifest)), "a/embedding.bin": data });
  return new File([zip as Uint8Array<ArrayBuffer>], "a.zip");
}

test("a tracked frame comes with its objects; a still without", async () => {
  const read = await readBundle(bundle());
  expect([read.isStill, read.size]).toEqual([false, { width: 20, height: 10 }]);
  const [dog] = read.objects;
  expect([dog?.object, dog?.name, dog?.color]).toEqual([3, "dog", "#102030"]);
  expect(dog?.embed?.data[0]).toBe(0.75);
  expect(dog?.mask).toEqual({ logits: new Float32Array(64).fill(6), side: 8, score: 0.9, presence: 2.5 });
  expect(dog?.prompt).toEqual({ points: [{ x: 4, y: 5 }], labels: [0], box: null, mask: null });
  expect(new BundleReader(read).given).toBe(read.objects);
  const still = await readBundle(
    bundle((manifest) => Object.assign(manifest, { source: { frame: null }, objects: [], prompts: [] })),
  );
  expect([still.isStill, still.objects]).toEqual([true, []]);
});

test("the barest manifest will do, and a dtype that is missing is half precision", async () => {
  const halves = (bytes: Uint8Array<ArrayBuffer>) => {
    const floats = new Float32Array(bytes.buffer);
    return new Uint8Array(Uint16Array.from(floats, () => 0x3c00).buffer);
  };
  const file = bundle((manifest, tensors) => {
    for (const name of Object.keys(tensors)) {
      const { shape, offset } = tensors[name] as { shape: number[]; offset: number };
      tensors[name] = { shape, offset: offset / 2 };
    }
    for (const key of Object.keys(manifest)) if (!/^(original|tensors)/.test(key)) delete manifest[key];
  }, halves);
  const read = await readBundle(file);
  expect([read.isStill, read.model, read.features.highRes1.data[0]]).toEqual([true, "", 1]);
});

test.each<[string, File, RegExp]>([
  ["cut off", bundle(undefined, (bytes) => bytes.slice(0, -4)), /objects.3.logits lies beyond the end/],
  [
    "damaged",
    bundle(undefined, (bytes) => {
      bytes[5] = (bytes[5] ?? 0) ^ 1;
      return bytes;
    }),
    /image_embed is damaged/,
  ],
  [
    "of another version",
    bundle((manifest) => Object.assign(manifest, { version: 2 })),
    /manifest.json: version/,
  ],
  [
    "without an object's tensor",
    bundle((_manifest, tensors) => delete tensors["objects.3.logits"]),
    /there is no tensor objects.3.logits/,
  ],
  [
    "with an object of another size",
    bundle(undefined, undefined, { ...TENSORS, "objects.3.logits": filled([1, 1, 4, 4], 1) }),
    /objects.3.logits has the shape 1×1×4×4 instead of 1×1×8×8/,
  ],
  [
    "with features that do not belong together",
    bundle(undefined, undefined, { ...TENSORS, high_res_feats_1: filled([1, 2, 2, 2], 1) }),
    /high_res_feats_1 has the shape/,
  ],
  [
    "of numbers that are none",
    bundle(undefined, undefined, { ...TENSORS, image_embed: filled([1, 8, 2, 2], Number.NaN) }),
    /image_embed holds numbers that no model makes/,
  ],
  [
    "with a prompt without labels",
    bundle((manifest) => Object.assign(manifest, { prompts: [{ ...PROMPT, labels: [] }] })),
    /prompt of object 3/,
  ],
  [
    "with a mask of another size",
    bundle((manifest) =>
      Object.assign(manifest, { prompts: [{ ...PROMPT, mask: { size: [3, 3], counts: "9" } }] }),
    ),
    /not of the picture's size/,
  ],
])("a bundle %s is named as such", async (_what, file, message) => {
  const error = await readBundle(file).then(
    () => null,
    (cause: unknown) => cause as Error & { code: string },
  );
  expect(error?.code).toBe("bundle");
  expect(error?.message).toMatch(message);
  expect(error?.message).toMatch(/^a.zip: /);
});

/** What a model's folder in this browser's storage says of itself. Written last: without it nothing counts. */

import { z } from "zod";

export const MANIFEST_FILE = "manifest.json";

const schema = z.object({
  format: z.literal("splitmask.model"),
  version: z.literal(1),
  title: z.string(),
  /** Verified when they came. */
  files: z.record(z.string(), z.object({ bytes: z.int().nonnegative(), sha256: z.string() })),
  /** All files of the model are there. */
  complete: z.boolean(),
});

export type Manifest = z.infer<typeof schema>;

/** null for none and for a damaged one: the files are then verified anew. */
export function parseManifest(bytes: Uint8Array | null): Manifest | null {
  if (!bytes) return null;
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

export function newManifest(title: string): Manifest {
  return { format: "splitmask.model", version: 1, title, files: {}, complete: false };
}

export function bytesIn(manifest: Manifest): number {
  return Object.values(manifest.files).reduce((sum, each) => sum + each.bytes, 0);
}

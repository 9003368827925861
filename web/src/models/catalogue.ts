/** `models.json`: which models there are and where their folders lie. A host may put its own in its place. */

import { z } from "zod";
import { SplitmaskError } from "@/core/errors";

const schema = z.object({
  format: z.literal("splitmask.models"),
  version: z.literal(1),
  /** Of the folders, relative to models.json itself; another origin has to allow it (CORS). */
  base: z.string(),
  models: z.array(
    z.object({
      id: z.string().regex(/^[\w.+-]+$/, "letters, digits and . + -"),
      title: z.string(),
      about: z.string(),
      licence: z.string(),
      bytes: z.int().nonnegative(),
      bundled: z.boolean(),
      tracks: z.boolean(),
    }),
  ),
});

export type CatalogueEntry = z.infer<typeof schema>["models"][number];

export interface Catalogue {
  readonly models: readonly CatalogueEntry[];
  /** Absolute URL of a model's folder, ending in a slash. */
  folder(id: string): string;
}

/** url: of models.json, absolute. Throws `model.missing`. */
export function parseCatalogue(text: string, url: string): Catalogue {
  try {
    const { base, models } = schema.parse(JSON.parse(text));
    return { models, folder: (id) => new URL(`${encodeURIComponent(id)}/`, new URL(base, url)).href };
  } catch (error) {
    const field = error instanceof z.ZodError ? `: ${error.issues[0]?.path.join(".")}` : "";
    throw new SplitmaskError("model.missing", `${url} is not a list of models${field}`, { cause: error });
  }
}

/** The clip and the encoded pictures that come with the page (scripts/samples.py makes them). */

import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import { bundleFromUrl } from "./bundles";

const index = z.object({
  clips: z.array(z.object({ file: z.string(), title: z.string(), about: z.string() })),
  bundles: z.array(z.object({ file: z.string(), preview: z.string(), title: z.string(), about: z.string() })),
});

export type Samples = z.infer<typeof index>;

const FOLDER = "./samples/";

export async function listSamples(): Promise<Samples> {
  const answer = await fetch(`${FOLDER}index.json`).catch(() => null);
  if (answer === null || !answer.ok) return { clips: [], bundles: [] };
  const parsed = index.safeParse(await answer.json().catch(() => null));
  return parsed.success ? parsed.data : { clips: [], bundles: [] };
}

export function sampleUrl(file: string): string {
  return `${FOLDER}${file}`;
}

export async function sampleClip(file: string): Promise<File> {
  const answer = await fetch(sampleUrl(file)).catch(() => null);
  if (answer === null || !answer.ok) {
    throw new SplitmaskError("network", "the sample clip did not come: check the connection");
  }
  return new File([await answer.blob()], file, { type: "video/mp4" });
}

export function sampleBundle(file: string): Promise<File> {
  return bundleFromUrl(sampleUrl(file));
}

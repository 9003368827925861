/** What a bundle of a tracked frame says of an object there, as a session uses it (Python's `splitmask.bundle.clicks`). */

import type { Prompt } from "@/core/types";
import type { Given } from "@/media/source";
import type { Output } from "./choice";
import { refines } from "./prompts";

/** The mask that it came with; its pointer stayed where it was tracked. */
export function givenOutput(given: Given | null): Output | null {
  return given?.mask == null ? null : { ...given.mask, pointer: new Float32Array(0) };
}

/** The same, to be fed into the decoding of a prompt that adds to what had been said by then. */
export function givenFeed(given: Given | null, now: Prompt): Output | null {
  return refines(given?.prompt ?? undefined, now) ? givenOutput(given) : null;
}

/** The same, where it is the answer: the prompt is again the bundle's own. */
export function givenAnswer(given: Given | null, now: Prompt): Output | null {
  const said = given?.prompt ?? null;
  return said !== null && refines(said, now) && refines(now, said) ? givenOutput(given) : null;
}

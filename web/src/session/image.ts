/**
 * The policy of a single picture (Python's `splitmask.session.image`): a first click may mean several things and
 * gets the best of three readings; whatever follows refines one mask.
 */

import { SplitmaskError } from "@/core/errors";
import type { Prompt, Size } from "@/core/types";
import type { Decoded, Engine, Features } from "@/engine/base";
import {
  bestOfThree,
  clampFeedback,
  isAmbiguous,
  maskOf,
  maskPromptLogits,
  type Output,
  singleMask,
  squareMask,
} from "./choice";
import { promptTokens } from "./prompts";

/** What a prompt on a picture gives. before: the object's mask so far, which points and box then refine. */
export async function answerStill(
  engine: Engine,
  features: Features,
  prompt: Prompt,
  size: Size,
  before: Output | null,
): Promise<Output> {
  const side = engine.preset.imageSize;
  const tokens = promptTokens(prompt, size, side);
  const fed = feedback(prompt, side, before);
  const decoded = await engine.decode(features, { ...tokens, maskInput: fed });
  const first = fed === null && isAmbiguous(prompt.points.length + (prompt.box === null ? 0 : 2));
  return outputOf(decoded, 0, first ? bestOfThree(decoded, 0) : singleMask(decoded, 0));
}

function feedback(prompt: Prompt, side: number, before: Output | null): Float32Array | null {
  if (prompt.mask !== null) return clampFeedback(maskPromptLogits(squareMask(prompt.mask, side), side));
  return before === null ? null : clampFeedback(before.logits);
}

/** Object i's mask of a token, as it is. */
export function outputOf(decoded: Decoded, i: number, token: number): Output {
  const presence = decoded.presence[i];
  const score = decoded.ious[i * 4 + token];
  if (presence === undefined || score === undefined) {
    throw new SplitmaskError("internal", `the decoder gave no object ${i}`);
  }
  const pointer = new Float32Array(0); // pictures have no past
  return { logits: maskOf(decoded, i, token).slice(), side: decoded.side, pointer, score, presence };
}

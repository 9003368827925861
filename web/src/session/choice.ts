/**
 * Which of the decoder's four masks counts, and what becomes of it (Python's `splitmask.session.choice`).
 *
 * Token 0 answers unambiguous prompts, tokens 1–3 offer three readings of an ambiguous one. The rules are those
 * of SAM 2's official predictors (Ravi et al. 2024): video, after at most one point or none, takes the best of
 * 1–3 with that token's pointer; more points or a box take token 0, unless that mask is unstable; presence then
 * decides whether there is an object at all.
 */

import { decodeMask } from "@/core/rle";
import { toSquare } from "@/core/square";
import type { Rle } from "@/core/types";
import type { Decoded, PolicyConstants } from "@/engine/base";

export const NO_OBJECT_LOGIT = -1024;
export const MASK_PROMPT_LOGIT = 10;
const FEEDBACK_LIMIT = 32; // beyond it, logits fed back are rare numerical accidents
const STABILITY_DELTA = Math.fround(0.05);
const STABILITY_THRESHOLD = Math.fround(0.98);

/** What one object is on one frame, after policy. */
export interface Output {
  readonly logits: Float32Array; // (M, M)
  readonly side: number; // M
  readonly pointer: Float32Array; // (c); empty where it is another model's
  readonly score: number; // predicted IoU of the mask that was taken
  readonly presence: number; // logit; ≤ 0: not in the frame
}

/** (M, M) → logits as a next decoding of the same frame takes them. */
export function clampFeedback(logits: Float32Array): Float32Array {
  return logits.map((logit) => Math.min(FEEDBACK_LIMIT, Math.max(-FEEDBACK_LIMIT, logit)));
}

/** Whether so many points, box corners counted, ask for the best of masks 1–3 in a video. */
export function isAmbiguous(points: number): boolean {
  return points <= 1;
}

/** Of object i: token 1, 2 or 3; the first of equals. */
export function bestOfThree(decoded: Decoded, i: number): number {
  const of = (token: number) => decoded.ious[i * 4 + token] as number;
  return [2, 3].reduce((best, token) => (of(token) > of(best) ? token : best), 1);
}

/** (M, M): area above +0.05 over area above −0.05; 1 where both are empty. */
export function stability(logits: Float32Array): number {
  let inner = 0;
  let outer = 0;
  for (let k = 0; k < logits.length; k++) {
    const logit = logits[k] as number;
    if (logit > STABILITY_DELTA) inner += 1;
    if (logit > -STABILITY_DELTA) outer += 1;
  }
  return outer > 0 ? Math.fround(inner / outer) : 1;
}

/** Of object i: token 0, or the best of 1–3 where the mask of token 0 is unstable. */
export function singleMask(decoded: Decoded, i: number): number {
  return stability(maskOf(decoded, i, 0)) >= STABILITY_THRESHOLD ? 0 : bestOfThree(decoded, i);
}

/** (M, M): a view into a decoding. */
export function maskOf(decoded: Decoded, i: number, token: number): Float32Array {
  const size = decoded.side * decoded.side;
  return decoded.masks.subarray((i * 4 + token) * size, (i * 4 + token + 1) * size);
}

function pointerOf(decoded: Decoded, i: number, token: number): Float32Array {
  const c = decoded.pointers.length / (decoded.objects * 4);
  return decoded.pointers.slice((i * 4 + token) * c, (i * 4 + token + 1) * c);
}

/**
 * The policy of a video frame, for all b objects of a decoding.
 *
 * The pointer follows the mask among tokens 1–3, but stays token 0's where token 0 was asked for.
 */
export function videoOutputs(decoded: Decoded, ambiguous: boolean, noObjPtr: Float32Array): Output[] {
  return Array.from({ length: decoded.objects }, (_, i) => {
    const token = ambiguous ? bestOfThree(decoded, i) : singleMask(decoded, i);
    const presence = decoded.presence[i] as number;
    const present = presence > 0;
    const logits = maskOf(decoded, i, token);
    return {
      logits: present ? logits.slice() : new Float32Array(logits.length).fill(NO_OBJECT_LOGIT),
      side: decoded.side,
      pointer: present ? pointerOf(decoded, i, ambiguous ? token : 0) : noObjPtr,
      score: decoded.ious[i * 4 + token] as number,
      presence,
    };
  });
}

/** A frame's mask → (S, S) of 0 and 1, antialiased on the way, cut at one half. */
export function squareMask(mask: Rle, side: number): Float32Array {
  const [height, width] = mask.size;
  const square = toSquare(decodeMask(mask), { width, height }, side);
  return square.map((value) => (value >= 0.5 ? 1 : 0));
}

/** (S, S) of 0 and 1 → (S/4, S/4) logits: ±10, antialiased down. */
export function maskPromptLogits(square: Float32Array, side: number): Float32Array {
  const full = square.map((value) => value * 2 * MASK_PROMPT_LOGIT - MASK_PROMPT_LOGIT);
  return toSquare(full, { width: side, height: side }, side / 4);
}

/** (S, S) of 0 and 1 → (S/4, S/4): the learned 4×4 downsampler that a mask prompt's pointer is decoded with. */
export function pointerMaskInput(
  square: Float32Array,
  side: number,
  constants: PolicyConstants,
): Float32Array {
  const m = side / 4;
  const out = new Float32Array(m * m);
  for (let i = 0; i < out.length; i++) {
    const corner = Math.floor(i / m) * 4 * side + (i % m) * 4;
    let sum = constants.maskDownsampleBias;
    for (let k = 0; k < 16; k++) {
      const at = corner + (k >> 2) * side + (k & 3);
      sum += (square[at] as number) * (constants.maskDownsampleWeight[k] as number);
    }
    out[i] = sum;
  }
  return out;
}

/**
 * A mask prompt is itself the output; only its pointer is decoded.
 *
 * `decoded` comes from the unconditioned features with `pointerMaskInput`. The pointer is token 0's where the
 * decoder sees the object and the mask is not empty.
 */
export function maskPromptOutput(
  square: Float32Array,
  side: number,
  decoded: Decoded,
  noObjPtr: Float32Array,
): Output {
  const given = square.some((value) => value > 0);
  const seen = given && (decoded.presence[0] as number) > 0;
  return {
    logits: maskPromptLogits(square, side),
    side: side / 4,
    pointer: seen ? pointerOf(decoded, 0, 0) : noObjPtr,
    score: 1,
    presence: given ? MASK_PROMPT_LOGIT : -MASK_PROMPT_LOGIT,
  };
}

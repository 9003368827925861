/** Answers with NaN or infinity in them are refused: what follows would take them for empty masks. */

import { SplitmaskError } from "@/core/errors";
import type { Decoded, FeatureArrays, Provider } from "@/engine/base";

/** A plain loop: it goes over the masks of every click. */
export function allFinite(numbers: Float32Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (!Number.isFinite(numbers[i])) return false;
  return true;
}

export function isWhole({ ious, presence, pointers, masks }: Decoded): boolean {
  return [ious, presence, pointers, masks].every(allFinite);
}

/** Where such an answer begins. given: what was decoded. */
export function brokenPart(decoded: Decoded, given: FeatureArrays): string {
  const parts: readonly (readonly [string, Float32Array])[] = [
    ["image_embed", given.imageEmbed.data],
    ["high_res_feats_0", given.highRes0.data],
    ["high_res_feats_1", given.highRes1.data],
    ["the mask decoder's masks", decoded.masks],
    ["the mask decoder's iou_predictions", decoded.ious],
    ["the mask decoder's object_score_logits", decoded.presence],
  ];
  return parts.find(([, numbers]) => !allFinite(numbers))?.[0] ?? "the mask decoder's object_pointer";
}

/** A graphics processor is blamed first: the same on WASM tells whether the graphs are to blame. */
export function notFinite(part: string, provider: Provider): SplitmaskError {
  if (provider === "webgpu")
    return new SplitmaskError("provider.failed", `WebGPU computes wrongly here (NaN or infinity in ${part})`);
  const what = `there is NaN or infinity in ${part}: the model's graphs are damaged`;
  return new SplitmaskError("model.corrupt", `${what}; choose another model, or export it again`);
}

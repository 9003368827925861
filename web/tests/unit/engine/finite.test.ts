import { describe, expect, it } from "vitest";
import type { Decoded, FeatureArrays } from "@/engine/base";
import { allFinite, brokenPart, isWhole, notFinite } from "@/engine/finite";

const numbers = () => new Float32Array([0, -1, 3e38]);

function decoded(): Decoded {
  return {
    ...{ objects: 1, side: 1 },
    ...{ masks: numbers(), ious: numbers(), presence: numbers(), pointers: numbers() },
  };
}

function features(): FeatureArrays {
  const map = () => ({ dims: [3], data: numbers() });
  return { imageEmbed: map(), highRes0: map(), highRes1: map() };
}

describe("answers with NaN or infinity", () => {
  it("are told from others, wherever one is", () => {
    expect(allFinite(numbers())).toBe(true);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(allFinite(new Float32Array([0, wrong]))).toBe(false);
    expect(isWhole(decoded())).toBe(true);
    for (const part of ["masks", "ious", "presence", "pointers"] as const) {
      const answer = decoded();
      answer[part][2] = Number.NaN;
      expect(isWhole(answer), part).toBe(false);
    }
  });

  it("are said to begin where they do", () => {
    const [answer, given] = [decoded(), features()];
    answer.pointers[0] = Number.NaN;
    expect(brokenPart(answer, given)).toBe("the mask decoder's object_pointer");
    answer.masks[0] = Number.NaN;
    expect(brokenPart(answer, given)).toBe("the mask decoder's masks");
    given.highRes1.data[0] = Number.POSITIVE_INFINITY;
    expect(brokenPart(answer, given)).toBe("high_res_feats_1");
  });

  it("are the graphs' fault only where the processor gives them, too", () => {
    expect(notFinite("image_embed", "webgpu").code).toBe("provider.failed");
    expect(notFinite("image_embed", "wasm").code).toBe("model.corrupt");
  });
});

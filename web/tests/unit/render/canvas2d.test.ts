import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMask } from "@/core/rle";
import { sampled } from "@/render/canvas2d";

test("a smaller picture of a mask has what lies in the middle of each pixel", () => {
  const side = fc.integer({ min: 1, max: 24 });
  fc.assert(
    fc.property(side, side, side, side, fc.infiniteStream(fc.boolean()), (width, height, most, h, bits) => {
      const w = Math.min(most, width);
      const mask = Array.from({ length: width * height }, () => bits.next().value as boolean);
      const found = sampled(encodeMask(mask, { width, height }), { width: w, height: h });
      const wanted = Array.from({ length: w * h }, (_, i) => {
        const x = Math.floor((((i % w) + 0.5) * width) / w);
        const y = Math.floor(((Math.floor(i / w) + 0.5) * height) / h);
        return mask[y * width + x] ? 1 : 0;
      });
      expect([...found]).toEqual(wanted);
    }),
  );
});

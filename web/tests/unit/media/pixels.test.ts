import fc from "fast-check";
import { expect, test } from "vitest";
import { workingSize } from "@/media/pixels";

test("up to 4K a picture is given as it is, a larger one in its proportions and no larger than that", () => {
  const sides = fc.record({
    width: fc.integer({ min: 64, max: 16_384 }),
    height: fc.integer({ min: 64, max: 16_384 }),
  });
  fc.assert(
    fc.property(sides, (size) => {
      const found = workingSize(size);
      if (size.width * size.height <= 3840 * 2160) expect(found).toBe(size);
      expect(found.width * found.height).toBeLessThan(4096 * 2304 * 1.01);
      const skew = found.width / found.height / (size.width / size.height);
      expect(Math.abs(skew - 1)).toBeLessThan(0.02);
    }),
  );
});

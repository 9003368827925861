import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { fileSha256, plainSha256, sha256 } from "@/models/sha256";

it("is the standard's, with the browser's help and without", async () => {
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.constantFrom(55, 56, 63, 64, 65, 119, 120, 128),
  );
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer(), async (length, seed) => {
      const bytes = Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, seed | 1) >>> 13);
      const expected = createHash("sha256").update(bytes).digest("hex");
      expect(Buffer.from(plainSha256(bytes)).toString("hex")).toBe(expected);
      expect(await sha256(bytes)).toBe(expected);
      expect(await fileSha256(new Blob([bytes]), 0)).toBe(expected);
    }),
  );
});

it("of a file is that of all its pieces", async () => {
  const bytes = new Uint8Array((2 << 20) + 100).map((_, i) => i >> 3);
  const expected = createHash("sha256").update(bytes).digest("hex");
  expect(await fileSha256(new Blob([bytes]))).toBe(expected);
  expect(await fileSha256(new Blob([bytes]), 1000)).toBe(expected);
});

import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FORMATS } from "@/export/formats";
import { encodePng } from "@/export/png";

test("a PNG holds the pixels it was made of", () => {
  const pictures = fc.tuple(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom(0, 6),
  );
  fc.assert(
    fc.property(pictures, fc.nat(255), ([width, height, kind], seed) => {
      const row = width * (kind === 0 ? 1 : 4);
      const data = Uint8Array.from({ length: row * height }, (_, i) => (i * 31 + seed) % 256);
      const png = Buffer.from(encodePng(data, { width, height }, kind as 0 | 6));
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect([png.readUInt32BE(16), png.readUInt32BE(20), png[25]]).toEqual([width, height, kind]);
      const length = png.readUInt32BE(33);
      const raw = inflateSync(png.subarray(41, 41 + length));
      for (let y = 0; y < height; y++) {
        expect([...raw.subarray(y * (row + 1) + 1, (y + 1) * (row + 1))]).toEqual([
          ...data.subarray(y * row, (y + 1) * row),
        ]);
      }
    }),
  );
});

test("each format has a key and a name of its own", () => {
  for (const part of ["key", "title", "suffix"] as const) {
    expect(new Set(FORMATS.map((format) => format[part])).size).toBe(FORMATS.length);
  }
});

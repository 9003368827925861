import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countsToRuns, rleFromJson, runsToCounts } from "@/core/counts";
import { SplitmaskError } from "@/core/errors";
import { feather } from "@/core/feather";
import * as rle from "@/core/rle";
import { toSquare } from "@/core/square";
import type { Rle, Size } from "@/core/types";
import { axis, between, wideColumn } from "@/core/upsample";

interface Picture {
  readonly size: Size;
  readonly cells: number[];
}

const sizes = fc.record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) });

const cellsOf = (size: Size) => {
  const length = size.width * size.height;
  return fc.array(fc.integer({ min: 0, max: 1 }), { minLength: length, maxLength: length });
};

const pictures: fc.Arbitrary<Picture> = sizes.chain((size) =>
  cellsOf(size).map((cells) => ({ size, cells })),
);

const pairs = sizes.chain((size) => fc.tuple(cellsOf(size), cellsOf(size)).map(([a, b]) => ({ size, a, b })));

test("what is encoded is decoded again", () => {
  fc.assert(
    fc.property(pictures, ({ size, cells }) => {
      expect([...rle.decodeMask(rle.encodeMask(cells, size))]).toEqual(cells);
    }),
  );
});

test("runs alternate, are not empty but the first, and fill the picture", () => {
  fc.assert(
    fc.property(pictures, ({ size, cells }) => {
      const runs = [...rle.encodeMask(cells, size).counts];
      expect(runs.slice(1).every((run) => run > 0)).toBe(true);
      expect(runs.reduce((a, b) => a + b, 0)).toBe(cells.length);
    }),
  );
});

test("area and box are those of the pixels", () => {
  fc.assert(
    fc.property(pictures, ({ size, cells }) => {
      const mask = rle.encodeMask(cells, size);
      const inside = cells.flatMap((v, i) =>
        v ? [[i % size.width, Math.floor(i / size.width)] as const] : [],
      );
      expect(rle.area(mask)).toBe(inside.length);
      if (inside.length === 0) {
        expect(rle.bbox(mask)).toBeNull();
        return;
      }
      const [x, y] = [inside.map(([x]) => x), inside.map(([, y]) => y)];
      const box = [Math.min(...x), Math.min(...y), Math.max(...x) + 1, Math.max(...y) + 1];
      expect(rle.bbox(mask)).toEqual(box);
    }),
  );
});

test("union, intersection and difference are those of the pixels", () => {
  fc.assert(
    fc.property(pairs, ({ size, a, b }) => {
      const [p, q] = [rle.encodeMask(a, size), rle.encodeMask(b, size)];
      const same = (mask: Rle, of: (x: number, y: number) => number) =>
        expect(mask).toEqual(
          rle.encodeMask(
            a.map((x, i) => of(x, b[i] as number)),
            size,
          ),
        );
      same(rle.union(p, q), (x, y) => x | y);
      same(rle.intersect(p, q), (x, y) => x & y);
      same(rle.subtract(p, q), (x, y) => x & ~y & 1);
      const both = a.filter((x, i) => x || b[i]).length;
      const shared = a.filter((x, i) => x && b[i]).length;
      expect(rle.iou(p, q)).toBe(both === 0 ? 1 : shared / both);
    }),
  );
});

test("masks of different sizes are not combined", () => {
  const [a, b] = [rle.encodeMask([], { width: 2, height: 3 }), rle.encodeMask([], { width: 3, height: 2 })];
  expect(() => rle.union(a, b)).toThrow(/one size/);
});

test("COCO's string comes back as the runs it was made of", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1, maxLength: 30 }), (runs) => {
      expect([...countsToRuns(runsToCounts(Uint32Array.from(runs)))]).toEqual(runs);
    }),
  );
});

test("whatever string comes in, there is an answer or one clear error", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      try {
        expect(runsToCounts(countsToRuns(text))).toBeTypeOf("string");
      } catch (error) {
        expect(error).toBeInstanceOf(SplitmaskError);
      }
    }),
  );
});

test("runs that do not fill the mask are refused, and the message says where", () => {
  const value = { size: [2, 2] as [number, number], counts: [1, 2] };
  expect(() => rleFromJson(value, "frames[3].rle")).toThrow(/^frames\[3\]\.rle: .*3 pixels, not the 2×2/);
});

const sides = fc.integer({ min: 1, max: 9 }).map((n) => n * 2);
const logits = fc
  .tuple(sides, sizes)
  .chain(([side, size]) =>
    fc
      .array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: side * side, maxLength: side * side })
      .map((values) => ({ side, size, values: Float32Array.from(values) })),
  );

/** (M, M) → (H, W), every pixel of it. */
function upsampled(logits: Float32Array, side: number, { width, height }: Size): number[] {
  const [rows, columns] = [axis(side, height), axis(side, width)];
  const wide = new Float32Array(side);
  return Array.from({ length: width * height }, (_, i) => {
    wideColumn(logits, side, columns, i % width, wide);
    return between(wide, rows, Math.floor(i / width));
  });
}

test("a mask of logits is where their upsampling is positive", () => {
  fc.assert(
    fc.property(logits, ({ side, size, values }) => {
      const picture = upsampled(values, side, size).map((v) => (v > 0 ? 1 : 0));
      expect(rle.encodeLogits(values, side, size)).toEqual(rle.encodeMask(picture, size));
    }),
  );
});

describe("the same as in Python, pixel for pixel", () => {
  const file = new URL("../../../../fixtures/masks/resize.json", import.meta.url);
  const { masks, squares, feathers } = JSON.parse(readFileSync(file, "utf-8"));

  test.each(
    masks as { name: string; side: number; logits: string; size: [number, number]; counts: string }[],
  )("$name", ({ side, logits, size, counts }) => {
    const values = new Float32Array(Uint8Array.from(Buffer.from(logits, "base64")).buffer);
    const mask = rle.encodeLogits(values, side, { width: size[1], height: size[0] });
    expect(runsToCounts(mask.counts)).toBe(counts);
  });

  test.each(
    squares as { name: string; size: [number, number]; counts: string; side: number; square: number[] }[],
  )("$name", ({ size, counts, side, square }) => {
    const mask = rle.decodeMask({ size, counts: countsToRuns(counts) });
    const found = toSquare(mask, { width: size[1], height: size[0] }, side);
    found.forEach((value, i) => {
      expect(Math.abs(value - (square[i] as number))).toBeLessThan(1e-6);
    });
  });

  test.each(
    feathers as { name: string; size: [number, number]; counts: string; radius: number; alpha: string }[],
  )("feathered: $name", ({ size, counts, radius, alpha }) => {
    const picture = { width: size[1], height: size[0] };
    const mask = rle.decodeMask({ size, counts: countsToRuns(counts) }, undefined, 255);
    expect(Buffer.from(feather(mask, picture, radius)).toString("base64")).toBe(alpha);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { histogram, isCut } from "@/media/cuts";
import { type Planes, toRgba, turned } from "@/media/yuv";

const sides = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }));

function planesOf([width, height]: [number, number], bytes: readonly number[], nv12: boolean): Planes {
  const [w, h] = [(width + 1) >> 1, (height + 1) >> 1];
  const at = (i: number) => bytes[i % bytes.length] as number;
  const luma = Array.from({ length: width * height }, (_, i) => at(i));
  const chroma = Array.from({ length: w * h }, (_, i) => [at(i * 2 + 1), at(i * 3 + 2)] as const);
  const u = chroma.map(([u]) => u);
  const v = chroma.map(([, v]) => v);
  const data = Uint8Array.from(nv12 ? [...luma, ...chroma.flat()] : [...luma, ...u, ...v]);
  const second = { offset: luma.length, stride: nv12 ? w * 2 : w };
  const third = { offset: luma.length + w * h, stride: w };
  const layout = [{ offset: 0, stride: width }, second, ...(nv12 ? [] : [third])];
  return { width, height, data, layout, matrix: "bt709", fullRange: false };
}

const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 5, maxLength: 30 });

test("both ways of laying chroma out give the same picture", () => {
  fc.assert(
    fc.property(sides, bytes, (size, data) => {
      expect(toRgba(planesOf(size, data, true))).toEqual(toRgba(planesOf(size, data, false)));
    }),
  );
});

test("black, white, and the primaries of each matrix are what they should be", () => {
  const of = (y: number, u: number, v: number, matrix: string | null, fullRange: boolean) => {
    const layout = [0, 1, 2].map((offset) => ({ offset, stride: 1 }));
    const rgba = toRgba({ width: 1, height: 1, data: Uint8Array.of(y, u, v), layout, matrix, fullRange });
    return rgba && [...rgba];
  };
  const near = (found: number[] | null, expected: number[]) =>
    found?.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(2);
    });
  expect(of(16, 128, 128, "bt709", false)).toEqual([0, 0, 0, 255]);
  near(of(235, 128, 128, "bt709", false), [255, 255, 255, 255]);
  near(of(63, 102, 240, "bt709", false), [255, 0, 0, 255]);
  near(of(81, 90, 240, "smpte170m", false), [255, 0, 0, 255]);
  near(of(76, 85, 255, "smpte170m", true), [255, 0, 0, 255]);
  expect(of(81, 90, 240, null, false)).toEqual(of(81, 90, 240, "smpte170m", false)); // a small picture, untagged
  expect(of(81, 90, 240, "ycgco", false)).toBeNull();
});

test("turning by a quarter four times, or mirroring twice, changes nothing", () => {
  fc.assert(
    fc.property(sides, fc.integer({ min: 0, max: 255 }), ([width, height], seed) => {
      const picture = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => (i * 37 + seed) % 256);
      const quarter = (data: Uint8ClampedArray, w: number, h: number) => turned(data, w, h, 90, false);
      const half = quarter(quarter(picture, width, height), height, width);
      expect(half).toEqual(turned(picture, width, height, 180, false));
      const three = quarter(half, width, height);
      expect(three).toEqual(turned(picture, width, height, 270, false));
      expect(quarter(three, height, width)).toEqual(picture);
      const mirrored = turned(picture, width, height, 0, true);
      expect(turned(mirrored, width, height, 0, true)).toEqual(picture);
    }),
  );
});

test("a quarter clockwise brings the first row to the last column", () => {
  const picture = Uint8ClampedArray.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v, v, v, v])); // 3×2
  const found = turned(picture, 3, 2, 90, false).filter((_, i) => i % 4 === 0);
  expect([...found]).toEqual([4, 1, 5, 2, 6, 3]);
});

test("a cut is where neighbours share little colour, not where they differ in light", () => {
  const flat = (r: number, g: number, b: number) => ({
    width: 40,
    height: 40,
    data: Uint8ClampedArray.from({ length: 6400 }, (_, i) => [r + (i % 29), g, b, 255][i % 4] as number),
  });
  const [sea, sky, night] = [flat(20, 60, 140), flat(24, 62, 142), flat(200, 180, 10)].map(histogram);
  if (!sea || !sky || !night) throw new Error("no histogram");
  expect([isCut(sea, sky), isCut(sea, night)]).toEqual([false, true]);
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { normalised, stretch } from "@/core/stretch";

interface Case {
  width: number;
  height: number;
  side: number;
  rgb: string; // base64, (height, width, 3)
  square: string; // base64, (side, side, 3): Pillow's BILINEAR
}
const path = new URL("../../../../fixtures/resize/cases.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as Case[];

function rgba(rgb: Uint8Array, alpha: number): Uint8ClampedArray {
  const out = new Uint8ClampedArray((rgb.length / 3) * 4).fill(alpha);
  for (let i = 0; i < rgb.length; i++) out[Math.floor(i / 3) * 4 + (i % 3)] = rgb[i] as number;
  return out;
}

describe("stretch", () => {
  it.each(cases)("$width×$height to $side is Pillow's to the bit", ({ width, height, side, rgb, square }) => {
    const pixels = rgba(Buffer.from(rgb, "base64"), 255);
    expect(stretch(pixels, width, height, side)).toEqual(new Uint8Array(Buffer.from(square, "base64")));
  });

  it("does not look at alpha", () => {
    const { width, height, side, rgb } = cases[1] as Case;
    const pixels = Buffer.from(rgb, "base64");
    expect(stretch(rgba(pixels, 0), width, height, side)).toEqual(
      stretch(rgba(pixels, 255), width, height, side),
    );
  });
});

describe("normalised", () => {
  it("puts colours into planes, less the mean and divided by the deviation", () => {
    const planes = normalised(
      new Uint8Array([0, 51, 255, 255, 102, 0, 0, 0, 0, 0, 0, 0]),
      2,
      [0.5, 0.2, 0],
      [0.5, 0.1, 2],
    );
    const at = (c: number, i: number) => planes[4 * c + i] as number;
    expect([at(0, 0), at(0, 1)]).toEqual([-1, 1]);
    expect(at(1, 0)).toBeCloseTo(0, 6);
    expect(at(1, 1)).toBeCloseTo(2, 5);
    expect(at(2, 0)).toBeCloseTo(0.5, 6);
  });
});

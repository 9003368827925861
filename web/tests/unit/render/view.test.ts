import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMask } from "@/core/rle";
import type { StagePoint } from "@/core/types";
import { blurOf, matteSize } from "@/render/scene";
import { blurKernel, MAX_PAIRS, MaskTextures, transposed } from "@/render/upload";
import { fitScale, panBy, place, toFrame, toStage, zoomAt } from "@/render/view";
import { BrushStroke } from "@/ui/stage/brush";

const FRAME = { width: 1920, height: 1080 };
const STAGE = { width: 900, height: 700 };
const stagePoint = fc.record({
  x: fc.double({ min: 0, max: 900, noNaN: true }),
  y: fc.double({ min: 0, max: 700, noNaN: true }),
});

describe("the frame on the stage", () => {
  it("fits, in the middle, with a margin", () => {
    const at = place(FRAME, STAGE, null);
    expect(at.x).toBeCloseTo(16);
    expect(at.y + (FRAME.height * at.scale) / 2).toBeCloseTo(350);
  });

  it("leads from the stage to the frame and back", () => {
    fc.assert(
      fc.property(stagePoint, (point) => {
        const at = place(FRAME, STAGE, { scale: 2.5, x: 700, y: 300 });
        const back = toStage(toFrame(point as StagePoint, at), at);
        expect(back.x).toBeCloseTo(point.x, 6);
        expect(back.y).toBeCloseTo(point.y, 6);
      }),
    );
  });

  it("keeps what is under the pointer there while it zooms", () => {
    const anchor = { x: 400, y: 320 } as StagePoint;
    const before = toFrame(anchor, place(FRAME, STAGE, null));
    const focus = zoomAt(FRAME, STAGE, null, 4, anchor);
    const after = toFrame(anchor, place(FRAME, STAGE, focus));
    expect(after.x).toBeCloseTo(before.x, 6);
    expect(after.y).toBeCloseTo(before.y, 6);
  });

  it("fits again when zoomed out all the way, and stays in reach when panned", () => {
    const middle = { x: 450, y: 350 } as StagePoint;
    const near = zoomAt(FRAME, STAGE, null, 3, middle);
    expect(zoomAt(FRAME, STAGE, near, 0.01, middle)).toBeNull();
    expect(panBy(FRAME, STAGE, near, 1e6, 0).x).toBe(0);
    expect(fitScale(FRAME, STAGE)).toBeLessThan(1);
  });
});

describe("masks for textures", () => {
  it("are transposed", () => {
    const rle = encodeMask([0, 1, 0, 0, 1, 1], { width: 3, height: 2 });
    expect([...transposed(rle)]).toEqual([0, 0, 255, 255, 0, 255]);
  });

  it("are made once, and freed when a drawing does without them", () => {
    const [made, freed]: [number[], number[]] = [[], []];
    const textures = new MaskTextures<number>(
      () => {
        made.push(made.length);
        return made.length - 1;
      },
      (each) => freed.push(each),
    );
    const [a, b] = [encodeMask([1], { width: 1, height: 1 }), encodeMask([0], { width: 1, height: 1 })];
    textures.get(a);
    textures.get(b);
    textures.sweep();
    textures.get(a);
    textures.sweep();
    expect([made, freed]).toEqual([[0, 1], [1]]);
    textures.clear();
    expect(freed).toEqual([1, 0]);
  });

  it("are blurred by a kernel that sums to one and holds 50 px of feather", () => {
    for (const feather of [0, 1, 10, 50]) {
      const { offsets, weights } = blurKernel(blurOf({ feather }, 1));
      expect(weights.reduce((sum, each, i) => sum + each * (i === 0 ? 1 : 2), 0)).toBeCloseTo(1);
      expect(offsets.length).toBeLessThanOrEqual(MAX_PAIRS + 1);
    }
    expect(matteSize({ width: 7680, height: 4320 })).toEqual({ width: 1920, height: 1080, scale: 0.25 });
  });
});

describe("a brush", () => {
  const size = { width: 20, height: 16 };

  it("paints a disc, and takes it away again", () => {
    const stroke = new BrushStroke(size, null);
    stroke.to({ x: 10, y: 8 }, 6, false);
    const disc = stroke.rle();
    const inside = disc.counts.filter((_, i) => i % 2 === 1).reduce((sum, each) => sum + each, 0);
    expect(Math.abs(inside - Math.PI * 9)).toBeLessThan(5);
    expect(disc.counts.reduce((sum, each) => sum + each, 0)).toBe(320);
    stroke.to({ x: 10, y: 8 }, 8, true);
    expect([...stroke.rle().counts]).toEqual([320]);
  });

  it("goes on from a mask, and leaves no gaps in a quick stroke", () => {
    const start = encodeMask(
      Array.from({ length: 320 }, (_, i) => (i < 20 ? 1 : 0)),
      size,
    );
    const stroke = new BrushStroke(size, start);
    stroke.to({ x: 2, y: 10 }, 4, false);
    stroke.to({ x: 18, y: 10 }, 4, false);
    const bytes = transposed(stroke.rle());
    for (let x = 2; x < 18; x++) expect(bytes[x * 16 + 10]).toBe(255);
    for (let x = 0; x < 20; x++) expect(bytes[x * 16]).toBe(255);
  });
});

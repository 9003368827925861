import { describe, expect, it } from "vitest";
import { fixedPoints, fourMasks } from "@/engine/decoder";

describe("fixedPoints", () => {
  const prompt = {
    objects: 2,
    points: new Float32Array([1, 2, 3, 4]),
    labels: new Float32Array([1, 0]),
    maskInput: null,
  };

  it("fills each object's points with surplus ones", () => {
    const { points, labels } = fixedPoints(prompt, 3);
    expect([...points]).toEqual([1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0]);
    expect([...labels]).toEqual([1, -2, -2, 0, -2, -2]);
  });

  it("leaves them where any number will do, and refuses too many", () => {
    expect(fixedPoints(prompt, null).points).toBe(prompt.points);
    const many = { ...prompt, objects: 1 };
    expect(() => fixedPoints(many, 1)).toThrow(/1 points at most/);
  });
});

describe("fourMasks", () => {
  const raw = { objects: 2, side: 1, dim: 2, presence: null, pointers: null };

  it("puts the best of three in the place of the single mask", () => {
    const masks = new Float32Array([1, 2, 3, 4, 5, 6]);
    const ious = new Float32Array([0.25, 0.75, 0.5, 1, 0, 0]);
    const four = fourMasks({ ...raw, masks, ious });
    expect([...four.masks]).toEqual([2, 1, 2, 3, 4, 4, 5, 6]);
    expect([...four.ious]).toEqual([0.75, 0.25, 0.75, 0.5, 1, 1, 0, 0]);
    expect([four.presence.every((x) => x > 0), four.pointers.length]).toEqual([true, 16]);
  });

  it("passes four on as they are", () => {
    const four = {
      masks: new Float32Array(8),
      ious: new Float32Array(8),
      presence: new Float32Array([1, -1]),
    };
    expect(fourMasks({ ...raw, ...four })).toMatchObject(four);
  });
});

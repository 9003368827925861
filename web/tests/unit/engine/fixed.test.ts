import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeLogits } from "@/core/rle";
import { asMaskInput, enlarged, joined, promptOf } from "@/engine/fixed";

describe("a model of fixed shapes", () => {
  it("is asked of one object after the other, and answers as of all", () => {
    const prompt = {
      objects: 2,
      points: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      labels: Float32Array.of(1, 0, 2, 3),
      maskInput: Float32Array.of(9, 10),
    };
    const second = promptOf(prompt, 1);
    expect([...second.points, ...second.labels]).toEqual([5, 6, 7, 8, 2, 3]);
    expect([second.objects, ...(second.maskInput ?? [])]).toEqual([1, 10]);
    const answer = (value: number) => ({
      ...{ objects: 1, side: 1, masks: new Float32Array(4).fill(value), ious: new Float32Array(4) },
      ...{ presence: Float32Array.of(value), pointers: new Float32Array(8).fill(-value) },
    });
    const both = joined([answer(1), answer(2)]);
    expect([both.objects, both.side, ...both.presence]).toEqual([2, 1, 1, 2]);
    expect([...both.masks]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(both.pointers.length).toBe(16);
  });

  it("gets a mask that is twice as large as the mean of each four pixels, object by object", () => {
    const one = Float32Array.of(1, 3, 0, 0, 5, 7, 0, 4, -1, -1, 2, 2, -1, -1, 2, 2);
    const two = new Float32Array([...one, ...one.map((value) => value * 2)]);
    expect([...asMaskInput(two, 2, 2)]).toEqual([4, 1, -1, 2, 8, 2, -2, 4]);
    const small = new Float32Array(8);
    expect(asMaskInput(small, 2, 2)).toBe(small);
  });

  it("remembers a mask enlarged as frames' masks are", () => {
    const logits = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(logits, fc.integer({ min: 4, max: 12 }), (values, to) => {
        const given = Float32Array.from(values);
        const large = enlarged(given, 4, to);
        const { counts } = encodeLogits(given, 4, { width: to, height: to });
        const inside = counts.reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0);
        expect(large.filter((value) => value > 0).length).toBe(inside);
      }),
    );
  });
});

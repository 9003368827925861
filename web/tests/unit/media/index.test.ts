import fc from "fast-check";
import { expect, test } from "vitest";
import { VideoIndex } from "@/media/index";

const times = fc
  .uniqueArray(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 40 })
  .map((list) => list.map((n) => ({ timestamp: n / 90, key: n % 3 === 0 })));

test("frames stand in the order in which they are shown, whatever the order of packets", () => {
  fc.assert(
    fc.property(times, (packets) => {
      const index = VideoIndex.of(packets);
      const sorted = packets.map(({ timestamp }) => timestamp).sort((a, b) => a - b);
      expect([...index.times]).toEqual(sorted);
      expect(index.fromFirst()[0]).toBe(0);
      sorted.forEach((time, i) => {
        expect(index.position(time)).toBe(i);
        expect(index.position(time + 0.004)).toBe(i);
      });
    }),
  );
});

test("decoding begins at the last key frame at or before", () => {
  fc.assert(
    fc.property(times, (packets) => {
      const index = VideoIndex.of(packets);
      const keys = [...index.times].flatMap((time, i) => (Math.round(time * 90) % 3 === 0 ? [i] : []));
      for (let i = 0; i < index.count; i++) {
        expect(index.keyBefore(i)).toBe(keys.filter((key) => key <= i).at(-1) ?? 0);
      }
    }),
  );
});

test("what lies before the file's zero is not shown, and one time is one frame", () => {
  const packets = [-0.04, 0, 0.04, 0.04, 0.08].map((timestamp) => ({ timestamp, key: timestamp === 0 }));
  expect([...VideoIndex.of(packets).times]).toEqual([0, 0.04, 0.08]);
});

test("rounded times are not a variable rate, missing frames are", () => {
  const at = (list: number[]) => VideoIndex.of(list.map((timestamp) => ({ timestamp, key: true })));
  expect(at([0, 0.033, 0.067, 0.1, 0.133]).isVariable).toBe(false);
  expect(at([0, 0.033, 0.067, 0.167, 0.2]).isVariable).toBe(true);
  expect(at([0, 0.5, 1]).duration).toBeCloseTo(1.5, 9);
});

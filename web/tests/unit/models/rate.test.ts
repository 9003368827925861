import { expect, it } from "vitest";
import { Rate } from "@/models/rate";

it("tells a few times a second, and at the end; the rate is that of the last seconds", () => {
  const rate = new Rate();
  const told: number[] = [];
  for (let at = 0; at <= 10_000; at += 50) {
    const bytes = at < 5_000 ? at * 10 : 50_000 + (at - 5_000) * 100; // 10 kB/s, then 100 kB/s
    if (rate.add(bytes, false, at)) told.push(at);
    if (at === 4_000) expect(rate.perSecond).toBeCloseTo(10_000);
  }
  expect(told.length).toBeGreaterThan(40);
  expect(told.length).toBeLessThan(70);
  expect(rate.perSecond).toBeCloseTo(100_000);
  expect(rate.add(1e6, true, 10_001)).toBe(true);
});

it("is unknown at first", () => {
  const rate = new Rate();
  rate.add(5_000_000, false, 0);
  expect(rate.perSecond).toBe(0);
});

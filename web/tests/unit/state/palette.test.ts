import { expect, test } from "vitest";
import { colorName, colorOf, inkOn, PALETTE, rgb } from "@/state/palette";

test("a colour is read in either spelling", () => {
  expect(rgb("#ff8000")).toEqual([1, 128 / 255, 0]);
  expect(rgb("#fff")).toEqual([1, 1, 1]); // what a build makes of #ffffff
  expect(rgb("#0a8")).toEqual(rgb("#00aa88"));
});

test("objects take the colours in turn, each with a name and an ink that reads on it", () => {
  expect([colorOf(0), colorOf(PALETTE.length + 1)]).toEqual([PALETTE[0], PALETTE[1]]);
  expect(new Set(PALETTE.map(colorName)).size).toBe(PALETTE.length);
  expect([inkOn("#FEF145"), inkOn("#963BF9")]).toEqual(["#121418", "#ffffff"]);
});

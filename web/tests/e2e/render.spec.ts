/** The stage's three backends show the same picture, the last of them on the page and in a worker. */

import { expect, type Page, test } from "@playwright/test";
import type {} from "../harness/render";

type Edit = Parameters<Window["render"]["draw"]>[1];
type Kind = Parameters<Window["render"]["draw"]>[0];

// only red, both discs, only blue, picture, beyond the frame
const POINTS = [
  [16, 30],
  [38, 30],
  [58, 30],
  [4, 4],
  [-4, 30],
] as const;

const draw = (page: Page, kind: Kind, edit: Edit) =>
  page.evaluate(([kind, edit, points]) => window.render.draw(kind, edit, points), [
    kind,
    edit,
    POINTS,
  ] as const);

/** Far from edges all agree to a few levels: blends are rounded in different places. */
function close(found: number[][], wanted: readonly (readonly number[])[]): void {
  const off = found.flatMap((color, i) => color.map((value, k) => Math.abs(value - (wanted[i]?.[k] ?? -99))));
  expect(Math.max(...off), JSON.stringify(found)).toBeLessThanOrEqual(4);
}

const GREEN = [0, 128, 0];
const BLACK = [0, 0, 0];

for (const kind of ["webgl2", "webgpu", "canvas2d", "canvas2d apart"] as const) {
  test(`${kind}: colours, combinations, views`, async ({ page }) => {
    await page.goto("tests/harness/render.html");
    await page.waitForFunction(() => "render" in window);
    const both = [127, 127, 255];
    const bare = await draw(page, kind, { bare: true });
    close(bare, [GREEN, GREEN, [255, 255, 255], GREEN, BLACK]);
    close(await draw(page, kind, {}), [[127, 64, 0], [0, 64, 128], both, GREEN, BLACK]);
    close(await draw(page, kind, { combine: "subtract" }), [
      [127, 64, 0],
      GREEN,
      [255, 255, 255],
      GREEN,
      BLACK,
    ]);
    close(await draw(page, kind, { combine: "intersect" }), [
      GREEN,
      [127, 64, 0],
      [255, 255, 255],
      GREEN,
      BLACK,
    ]);
    close(await draw(page, kind, { opacity: 0 }), [GREEN, GREEN, [255, 255, 255], GREEN, BLACK]);
    close(await draw(page, kind, { invert: true }), [GREEN, GREEN, [255, 255, 255], [128, 191, 0], BLACK]);
    const cutout = await draw(page, kind, { view: "cutout" });
    close(cutout.slice(0, 3), [GREEN, GREEN, [255, 255, 255]]);
    expect(cutout[3]?.[1]).toBeLessThan(60); // the checkerboard
    const erased = await draw(page, kind, { view: "erase" });
    expect(erased[0]?.[1]).toBeLessThan(60);
    close(erased.slice(3), [GREEN, BLACK]);
  });
}

test("feather is soft over as many pixels as it says", async ({ page }) => {
  await page.goto("tests/harness/render.html");
  await page.waitForFunction(() => "render" in window);
  const line = Array.from({ length: 24 }, (_, i) => [i, 30] as const);
  const red = async (feather: number) =>
    (
      await page.evaluate(([feather, line]) => window.render.draw("webgl2", { feather, opacity: 1 }, line), [
        feather,
        line,
      ] as const)
    ).map((color) => color[0] ?? 0);
  const rising = (values: number[]) => values.filter((value) => value > 12 && value < 243).length;
  expect(rising(await red(8))).toBeGreaterThan(rising(await red(2)) + 4);
  const soft = await red(8);
  expect(Math.abs((soft[12] ?? 0) - 127)).toBeLessThan(40); // half at the edge of the disc, at x = 12
});

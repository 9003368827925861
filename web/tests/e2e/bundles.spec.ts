/** A frame that was tracked elsewhere and travels as a bundle: it is corrected here as Python corrects it. */

import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { iou } from "@/core/rle";
import { clipPath, expected, makeClips, openHarness, PYTHON, python } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use({ ...PLAIN, colorScheme: "dark" });
test.describe.configure({ timeout: 4 * PATIENCE });

interface Case {
  readonly bundle: string;
  readonly object: number;
  readonly points: readonly (readonly [x: number, y: number, label: 0 | 1])[];
  readonly before: string | null; // the mask that the bundle comes with
  readonly said: number; // points that it comes with
  readonly decoded: string; // what `splitmask decode` makes of all points together
  readonly after: readonly string[]; // Python's masks after one point more and more
  readonly plain: string; // what the frame's own features would give for the first
}

const FOLDER = clipPath(".");
const made = (): Case[] => JSON.parse(readFileSync(clipPath("bundles.json"), "utf-8"));

test.beforeAll(() => {
  makeClips();
  const script = fileURLToPath(new URL("../../../tests/make_web_bundles.py", import.meta.url));
  const age = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (age(clipPath("bundles.json")) > Math.max(age(script), age(clipPath("expected.json")))) return;
  execFileSync(PYTHON, ["-W", "ignore", script, FOLDER], { ...python(), stdio: "pipe" });
});

/** Overlap of two masks as they travel. */
function overlap(a: string, b: string): number {
  const { size } = expected();
  const rle = (counts: string) => ({ size, counts: countsToRuns(counts) });
  return iou(rle(a), rle(b));
}

async function start(page: Page, { bundle }: Pick<Case, "bundle">): Promise<void> {
  await openHarness(page, `demo/${bundle}`);
  await page.evaluate((name) => window.studio.segmenter.openClip("clip", window.studio.file(name)), bundle);
}

/** As the page tells it: all that was said so far, again with each click. */
const click = (
  page: Page,
  { object, points, said }: Case,
  first: readonly (readonly [number, number])[],
  n: number,
) =>
  page.evaluate(
    async ([object, first, points]) => {
      const { studio } = window;
      const decision = await studio.segmenter.prompt("clip", object, 0, {
        points: [...first, ...points].map(([x, y]) => ({ x, y })),
        labels: [...first.map(() => 1 as const), ...points.map(([, , label]) => label)],
        box: null,
        mask: null,
      });
      return decision === null ? "" : studio.plain(decision.mask.rle);
    },
    [object, said === 0 ? [] : first, points.slice(0, n)] as const,
  );

test("objects are there with their masks before a model is, and clicks correct them as in Python", async ({
  page,
}) => {
  const wanted = made();
  const worst: number[] = [];
  for (const each of wanted) {
    await start(page, each);
    const before = await page.evaluate(() => window.studio.masks("clip", [0]));
    const shown = before[0]?.[each.object]?.counts ?? null;
    if (each.before === null) expect(shown).toBeNull();
    else expect(overlap(shown ?? "", each.before)).toBeGreaterThan(0.999);
    await page.evaluate(() => window.studio.segmenter.loadModel("nano", "wasm"));
    const at = expected().clicks.find(({ object }) => object === each.object);
    const first = at === undefined ? [] : [[at.x, at.y] as const];
    worst.push(overlap(await click(page, each, first, each.points.length), each.decoded));
    for (let n = 1; n <= each.points.length; n++) {
      worst.push(overlap(await click(page, each, first, n), each.after[n - 1] ?? ""));
    }
  }
  console.log("overlap with Python's decode:", worst.map((value) => value.toFixed(4)).join(" "));
  expect(Math.min(...worst)).toBeGreaterThanOrEqual(0.99);
  // what the test would not notice without this: that the object's past makes a difference
  const plain = wanted.map(({ after, plain }) => overlap(after[0] ?? "", plain));
  expect(Math.min(...plain)).toBeLessThan(0.5);
});

test("a correction that is taken back leaves what the bundle said; a reload keeps it", async ({ page }) => {
  const each = made().find(({ bundle, object }) => bundle === "000014.zip" && object === 1) as Case;
  const first = expected()
    .clicks.map(({ x, y }) => [x, y] as const)
    .slice(0, 1);
  await start(page, each);
  await page.evaluate(() => window.studio.segmenter.loadModel("nano", "wasm"));
  await click(page, each, first, 1);
  const strip = await page.evaluate(() => window.studio.segmenter.removePrompt("clip", 1, 0));
  expect(strip.prompted).toEqual([]);
  const masks = () => page.evaluate(() => window.studio.masks("clip", [0]));
  expect((await masks())[0]?.[1]?.counts).toBe(each.before);
  const again = await click(page, each, first, 1);
  expect(overlap(again, each.after[0] ?? "")).toBeGreaterThanOrEqual(0.99);
  await page.evaluate(() => window.studio.segmenter.removeObject("clip", 2));
  await start(page, each);
  const [kept] = await masks();
  expect([Object.keys(kept ?? {}), kept?.[1]?.counts]).toEqual([["1"], again]);
  await page.evaluate(() => window.studio.segmenter.loadModel("nano", "wasm"));
  expect(overlap(await click(page, each, first, 2), each.after[1] ?? "")).toBeGreaterThanOrEqual(0.99);
});

test("the page shows the objects at once, takes a click, undoes it and clearing, and comes back", async ({
  page,
}) => {
  const studio = new StudioPage(page);
  await studio.open(clipPath("demo/000014.zip"));
  await expect(page.locator("[data-object]")).toHaveCount(2);
  const each = made().find(({ bundle, object }) => bundle === "000014.zip" && object === 1) as Case;
  const [x, y] = each.points[1] as readonly [number, number, number];
  const light = async (x: number, y: number) => Math.max(...(await studio.color(x, y)));
  await page.keyboard.press("2"); // the cut-out: nothing but the objects
  await expect.poll(() => light(300, 200), { timeout: PATIENCE }).toBeLessThan(60);
  expect(await light(x + 6, y + 6)).toBeGreaterThan(90);
  await studio.click(x + 60, y, "right");
  await expect(page.locator("[data-point='0']")).toHaveCount(1);
  await expect(page.locator("[data-pending]")).toHaveCount(0, { timeout: PATIENCE });
  expect(await light(x + 6, y + 6)).toBeGreaterThan(90); // without the object's past a click outside finds nothing
  await page.keyboard.press("Control+z");
  await expect(page.locator("[data-point]")).toHaveCount(0);
  await expect.poll(() => light(x + 6, y + 6), { timeout: PATIENCE }).toBeGreaterThan(90);
  await page.getByRole("button", { name: "Clear All" }).click();
  await expect(page.locator("[data-object]")).toHaveCount(0);
  await page.keyboard.press("Control+z");
  await expect(page.locator("[data-object]")).toHaveCount(2);
  await expect.poll(() => light(x + 6, y + 6), { timeout: PATIENCE }).toBeGreaterThan(90);
  await studio.saved();
  await page.reload();
  await studio.ready();
  await page.keyboard.press("2");
  await expect.poll(() => light(x + 6, y + 6), { timeout: PATIENCE }).toBeGreaterThan(90);
});

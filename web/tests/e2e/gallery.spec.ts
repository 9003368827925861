/** What comes with the page: the sample clip, and pictures that were encoded when it was built. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { PYTHON, python } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SITE = fileURLToPath(new URL(`../../dist-e2e/${process.env.PORT ?? 5311}`, import.meta.url));

test.use(PLAIN);
test.describe.configure({ timeout: 4 * PATIENCE });
test.beforeAll(() => {
  execFileSync(PYTHON, [`${ROOT}scripts/studio_samples.py`, `${SITE}/samples`], python());
});

test("a pre-encoded picture is clicked at once, with the decoder alone", async ({ page }) => {
  const studio = new StudioPage(page, { width: 1280, height: 720 });
  await page.goto("./");
  await studio.command("Pre-encoded");
  const gallery = page.getByRole("dialog", { name: "Pre-encoded pictures" });
  await expect(gallery.getByRole("img")).toHaveCount(0); // they say nothing that the words don't
  await expect(gallery.getByRole("button", { name: /Behind the tree/ })).toBeVisible();
  await studio.hasNoFaults();
  await gallery.getByRole("button", { name: /Balloon over hills/ }).click();
  await studio.ready();
  const [x, y] = [219, 545]; // on the ball, in the picture's pixels
  const before = await studio.color(x + 20, y + 20);
  await studio.click(x, y);
  await expect.poll(() => studio.color(x + 20, y + 20), { timeout: PATIENCE }).not.toEqual(before);
  await expect(page.locator("[data-object]")).toHaveCount(1);
  await expect(page.locator("[data-notice]")).toHaveCount(0);
});

test("the sample clip opens from the first page, and is clicked", async ({ page }) => {
  const studio = new StudioPage(page, { width: 960, height: 540 });
  await page.goto("./");
  await page.getByRole("button", { name: "Try the sample clip" }).click();
  await studio.ready();
  await studio.click(99, 322); // the ball on the first frame
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
});

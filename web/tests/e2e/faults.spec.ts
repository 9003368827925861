/** What goes wrong in a browser: storage that is full, a model that is damaged, files of all kinds. */

import { expect, type Page, test } from "@playwright/test";
import { clipPath, expected, makeClips } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use({ ...PLAIN, colorScheme: "dark" });
test.describe.configure({ timeout: 4 * PATIENCE });
test.beforeAll(makeClips);

async function setQuota(page: Page, quotaSize?: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const origin = new URL(page.url()).origin;
  await session.send("Storage.overrideQuotaForOrigin", {
    origin,
    ...(quotaSize === undefined ? {} : { quotaSize }),
  });
}

const first = () => expected().clicks[0] ?? { x: 0, y: 0 };

const DAMAGED = /mask_decoder\.onnx/;

test("where storage is full a clip opens all the same, and is told to be for this visit only", async ({
  page,
}) => {
  const studio = new StudioPage(page);
  await page.goto("./");
  await setQuota(page, 1000);
  await studio.choose(clipPath("demo.mp4"));
  await studio.ready();
  const said = page.locator("[data-notice=warning]");
  await expect(said.filter({ hasText: "Not kept for next time" })).toContainText("Remove models or projects");
  await expect(said.filter({ hasText: "masks are gone once the page is closed" })).toBeVisible();
  await said.getByRole("button", { name: "Storage…" }).first().click();
  await expect(page.getByRole("dialog", { name: "Storage" })).toBeVisible();
  await page.keyboard.press("Escape");
  await studio.seek(expected().clicked);
  await studio.click(first().x, first().y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
});

test("storage that fills up in mid-run stops it with a way on; what was done stays, and it goes on", async ({
  page,
}) => {
  const studio = new StudioPage(page);
  await studio.open(clipPath("demo.mp4"));
  await studio.saved();
  await studio.seek(expected().clicked);
  await studio.click(first().x, first().y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
  await setQuota(page, 1000);
  await page.keyboard.press("f");
  const said = page.locator("[data-notice=error]");
  await expect(said).toContainText("This browser's storage is full", { timeout: PATIENCE });
  await expect(said).toContainText("what is done is kept");
  await expect(said.getByRole("button", { name: "Storage…" })).toBeVisible();
  await studio.runsOut();
  const kept = await studio.masked(1);
  expect(kept).toBeGreaterThanOrEqual(1);
  await setQuota(page);
  await page.keyboard.press("f");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(kept);
  await page.keyboard.press("Escape");
  await studio.runsOut();
  const more = await studio.masked(1);
  await studio.saved();
  await page.reload();
  await studio.ready();
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(more);
});

test("a model's file that is damaged on the way is an error in red; Retry brings it", async ({ browser }) => {
  const context = await browser.newContext({ serviceWorkers: "block" }); // it would fetch past this test
  const page = await context.newPage();
  let spoilt = true;
  await page.route(DAMAGED, async (route) => {
    const answer = await route.fetch();
    const body = await answer.body();
    if (spoilt) body.fill(7, 100, 400);
    await route.fulfill({ response: answer, body });
  });
  await page.goto("./");
  const studio = new StudioPage(page);
  await studio.choose(clipPath("demo.mp4"));
  const card = page.locator("[data-model]").first();
  await expect(card).toHaveAttribute("data-model", "error", { timeout: PATIENCE });
  await expect(card.getByRole("alert")).toContainText("The model's files are damaged");
  await expect(card.getByRole("alert")).toContainText("mask_decoder.onnx");
  await studio.hasNoFaults();
  await studio.shot("model-damaged");
  spoilt = false;
  await card.getByRole("button", { name: "Retry" }).click();
  await studio.ready();
  await studio.seek(expected().clicked);
  await studio.click(first().x, first().y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
  await context.close();
});

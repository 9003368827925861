/** The page on a host that sets no headers, and without any host: what the service worker is for. */

import { expect, type Page, test } from "@playwright/test";
import { PlainServer } from "../plain_server";
import { clipPath, expected, makeClips } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use(PLAIN);
test.describe.configure({ timeout: 5 * PATIENCE });

let server: PlainServer;
test.beforeAll(makeClips);
test.beforeEach(async () => {
  server = await PlainServer.start();
});
test.afterEach(() => server.stop());

const isIsolated = (page: Page) => page.evaluate(() => crossOriginIsolated).catch(() => false); // while it reloads

async function clickGivesMask(studio: StudioPage): Promise<void> {
  const first = expected().clicks[0] ?? { x: 0, y: 0 };
  await studio.choose(clipPath("demo.mp4"));
  await studio.ready();
  await studio.seek(expected().clicked);
  await studio.click(first.x, first.y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
}

test("on a host without headers the page isolates itself; without the host it opens, and a click gives a mask", async ({
  page,
}) => {
  const studio = new StudioPage(page);
  await page.goto(server.url);
  await expect.poll(() => isIsolated(page), { timeout: PATIENCE }).toBe(true);
  const model = page.locator("[data-model]").first();
  await studio.choose(clipPath("photo.jpg"));
  await expect(model).toHaveAttribute("data-model", "ready", { timeout: PATIENCE });
  await expect(page.locator("[data-banner=isolation]")).toHaveCount(0);
  await server.stop();
  await page.reload();
  await expect(model).toHaveAttribute("data-model", "ready", { timeout: PATIENCE });
  await studio.command("New project");
  await clickGivesMask(studio);
  await page.keyboard.press("f");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(2);
  server = await PlainServer.start();
});

test("where a page can be isolated by no means it says so, and works on one thread", async ({ browser }) => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  const studio = new StudioPage(page);
  await page.goto(server.url);
  await expect(page.locator("[data-banner=isolation]")).toContainText("One thread only");
  expect(await isIsolated(page)).toBe(false);
  await clickGivesMask(studio);
  await context.close();
});

/** Fingers on the stage, and the whole way through without any pointer. */

import { readFileSync } from "node:fs";
import { type CDPSession, devices, expect, type Page, test } from "@playwright/test";
import { unzipSync } from "fflate";
import { clipPath, expected, makeClips } from "./clips";
import { PATIENCE, PLAIN, StudioPage, saveTo } from "./studio_page";

test.use(PLAIN);
test.describe.configure({ timeout: 4 * PATIENCE });
test.beforeAll(makeClips);

interface Spot {
  readonly x: number;
  readonly y: number;
}

class Fingers {
  private readonly session: CDPSession;

  private constructor(session: CDPSession) {
    this.session = session;
  }

  static async of(page: Page): Promise<Fingers> {
    return new Fingers(await page.context().newCDPSession(page));
  }

  /** Down at these spots, or moved to them; none: all lifted. */
  async at(type: "touchStart" | "touchMove" | "touchEnd", spots: readonly Spot[] = []): Promise<void> {
    const touchPoints = spots.map(({ x, y }, id) => ({ x, y, id }));
    await this.session.send("Input.dispatchTouchEvent", { type, touchPoints });
  }
}

const zoomOf = async (page: Page) =>
  Number.parseInt((await page.getByRole("button", { name: /^Zoom/ }).textContent()) ?? "", 10);

test("a finger that rests excludes, two fingers zoom and move the picture, one that moves draws a box", async ({
  browser,
}) => {
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    userAgent: devices["Pixel 7"].userAgent,
  });
  const page = await context.newPage();
  const studio = new StudioPage(page);
  await page.goto("./");
  await studio.choose(clipPath("demo.mp4"));
  await studio.ready();
  const { clicks, clicked } = expected();
  const first = clicks[0] ?? { x: 0, y: 0 };
  await studio.seek(clicked);
  const fingers = await Fingers.of(page);

  const on = await studio.at(first.x, first.y);
  await page.touchscreen.tap(on.x, on.y);
  await expect(page.locator("[data-point='1']")).toHaveCount(1);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
  await fingers.at("touchStart", [await studio.at(first.x + 80, first.y - 60)]);
  await expect(page.locator("[data-point='0']")).toHaveCount(1); // while it still rests
  await fingers.at("touchEnd");
  await expect(page.locator("[data-point]")).toHaveCount(2);

  const before = await zoomOf(page);
  const [a, b] = [await studio.at(200, 120), await studio.at(280, 150)];
  await fingers.at("touchStart", [a]);
  await fingers.at("touchStart", [a, b]);
  for (let i = 1; i <= 8; i++) {
    await fingers.at("touchMove", [
      { x: a.x - 8 * i, y: a.y },
      { x: b.x + 8 * i, y: b.y },
    ]);
    await page.waitForTimeout(30);
  }
  await fingers.at("touchEnd", [a]);
  await fingers.at("touchEnd");
  expect(await zoomOf(page)).toBeGreaterThan(1.5 * before);
  await expect(page.locator("[data-point]")).toHaveCount(2); // nothing was asked by it
  await studio.shot("phone-pinched");

  await page.getByRole("button", { name: /^Zoom/ }).tap();
  await expect.poll(() => zoomOf(page)).toBe(before);
  await page.keyboard.press("n");
  const second = clicks[1] ?? { x: 0, y: 0 };
  const [from, to] = [
    await studio.at(second.x - 30, second.y - 32),
    await studio.at(second.x + 30, second.y + 34),
  ];
  await fingers.at("touchStart", [from]);
  for (let i = 1; i <= 6; i++) {
    const share = i / 6;
    await fingers.at("touchMove", [
      { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share },
    ]);
    await page.waitForTimeout(30);
  }
  await fingers.at("touchEnd");
  await expect.poll(() => studio.masked(2), { timeout: PATIENCE }).toBe(1);
  await context.close();
});

/** Tab, until what is wanted has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab never leads to ${selector}`);
}

test("keys alone open, click, follow and take away", async ({ page }) => {
  const studio = new StudioPage(page);
  await page.goto("./");
  await studio.choose(clipPath("demo.mp4")); // Ctrl+O
  await studio.ready();
  await tabTo(page, "[data-scope=stage]");
  const { clicks, clicked } = expected();
  const first = clicks[0] ?? { x: 0, y: 0 };
  for (let i = 0; i < clicked; i++) await page.keyboard.press(".");
  await expect(page.locator("[data-frame]")).toHaveAttribute("data-frame", String(clicked));
  const [far, near] = [27, 2.7]; // a tenth and a hundredth of the frame's shorter side
  await page.keyboard.press("ArrowRight"); // there it is, in the middle
  for (const [from, to, less, more] of [
    [240, first.x, "ArrowLeft", "ArrowRight"],
    [135, first.y, "ArrowUp", "ArrowDown"],
  ] as const) {
    const key = to < from ? less : more;
    const way = Math.abs(to - from);
    const leaps = Math.floor(way / far);
    for (let i = 0; i < leaps; i++) await page.keyboard.press(`Shift+${key}`);
    for (let i = 0; i < Math.round((way - leaps * far) / near); i++) await page.keyboard.press(key);
  }
  await page.keyboard.press("Enter");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
  await page.keyboard.press("f");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(3);
  await page.keyboard.press("Escape");
  await studio.runsOut();
  const kept = await studio.masked(1);

  await page.keyboard.press("Control+e");
  const dialog = page.getByRole("dialog", { name: "Take away" });
  await expect(dialog).toBeVisible();
  await tabTo(page, "input[type=radio]");
  await page.keyboard.press("ArrowDown");
  await expect(dialog.getByRole("radio", { name: /PNG cut-outs/ })).toBeChecked();
  await page.keyboard.press("ArrowUp");
  await tabTo(page, "[role=dialog] button:last-of-type:not([aria-label])");
  const pictures = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  const entries = unzipSync(readFileSync(await saveTo(pictures, "by-keys.zip")));
  expect(Object.keys(entries)).toHaveLength(20);
  const sizes = Object.values(entries).map((png) => png.length);
  const black = Math.min(...sizes); // those without a mask
  expect(sizes.filter((size) => size > black)).toHaveLength(kept);
});

/** How it looks and reads: from phone to wide, in light and dark, held to axe's rules. Pictures go to test-shots/. */

import { devices, expect, test } from "@playwright/test";
import { clipPath, expected, makeClips } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use(PLAIN);
test.describe.configure({ timeout: 4 * PATIENCE });
test.beforeAll(makeClips);

const SIZES = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  wide: { width: 1920, height: 1080 },
} as const;

for (const scheme of ["dark", "light"] as const) {
  for (const [name, viewport] of Object.entries(SIZES)) {
    test(`${name}, ${scheme}`, async ({ browser }) => {
      const phone =
        name === "phone" ? { hasTouch: true, isMobile: true, userAgent: devices["Pixel 7"].userAgent } : {};
      const context = await browser.newContext({ viewport, colorScheme: scheme, ...phone });
      const page = await context.newPage();
      const studio = new StudioPage(page);
      await page.goto("./");
      await expect(page.locator("[data-start]")).toBeVisible();
      await studio.shot(`${name}-${scheme}-start`);
      await studio.hasNoFaults();

      await studio.choose(clipPath("demo.mp4"));
      if (name === "phone") await page.getByRole("button", { name: "Panel" }).click();
      await studio.ready();
      if (name === "phone") {
        await studio.shot(`${name}-${scheme}-panel`);
        await studio.hasNoFaults();
        await page.getByRole("button", { name: "Panel" }).click();
        await page.waitForTimeout(400);
      }
      await studio.seek(expected().clicked);
      for (const [i, { x, y }] of expected().clicks.entries()) {
        if (i > 0) await page.keyboard.press("n");
        const at = await studio.at(x, y);
        if (name === "phone") await page.touchscreen.tap(at.x, at.y);
        else await page.mouse.click(at.x, at.y);
        await expect.poll(() => studio.masked(i + 1), { timeout: PATIENCE }).toBe(1);
      }
      await page.keyboard.press("f");
      await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(2);
      await studio.shot(`${name}-${scheme}-running`);
      await studio.hasNoFaults();
      await page.keyboard.press("Escape");
      await studio.runsOut();
      await studio.shot(`${name}-${scheme}-open`);
      await studio.seek(expected().clicked);
      await page.keyboard.press("3");
      const [{ x, y } = { x: 0, y: 0 }] = expected().clicks;
      const tint = async () => {
        const [r, , b] = await studio.color(x + 9, y + 9);
        return Math.abs(r - b);
      };
      await expect.poll(tint, { timeout: PATIENCE }).toBeLessThan(12); // under what is erased are squares of two greys
      await studio.shot(`${name}-${scheme}-erased`);
      await page.keyboard.press("1");

      if (name !== "phone") {
        for (const menu of ["Nano", "More for Object 1", "Colour of Object 1"]) {
          await page.getByRole("button", { name: menu }).click();
          await expect(page.getByRole("menu")).toBeVisible();
          await studio.hasNoFaults();
          await page.keyboard.press("Escape");
        }
      }
      const narrow = page.getByRole("button", { name: "Menu", exact: true });
      await (name === "phone" ? narrow : page.getByRole("menuitem", { name: "Segment" })).click();
      await expect(page.getByRole("menu")).toBeVisible();
      await studio.shot(`${name}-${scheme}-menu`);
      await studio.hasNoFaults();
      await page.keyboard.press("Escape");

      for (const [key, title] of [
        ["Control+e", "takeaway"],
        ["?", "shortcuts"],
        ["Control+k", "palette"],
      ] as const) {
        await page.keyboard.press(key);
        await expect(page.getByRole("dialog")).toBeVisible();
        await page.waitForTimeout(300);
        await studio.shot(`${name}-${scheme}-${title}`);
        await studio.hasNoFaults();
        await page.keyboard.press("Escape");
        await expect(page.getByRole("dialog")).toHaveCount(0);
      }
      await studio.command("Encode elsewhere");
      await expect(page.getByRole("dialog")).toBeVisible();
      await page.waitForTimeout(300);
      await studio.shot(`${name}-${scheme}-remote`);
      await studio.hasNoFaults();
      await context.close();
    });
  }
}

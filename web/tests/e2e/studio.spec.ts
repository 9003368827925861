/** The page itself: click, follow, correct, stop, undo, come back, take away; by mouse, keys and touch. */

import { readFileSync } from "node:fs";
import { expect, type Page, test } from "@playwright/test";
import { unzipSync } from "fflate";
import { clipPath, expected, makeClips } from "./clips";
import { makeBundle, PATIENCE, PLAIN, StudioPage, saveTo } from "./studio_page";

test.use({ ...PLAIN, colorScheme: "dark" });
test.describe.configure({ timeout: 4 * PATIENCE });
test.beforeAll(makeClips);

/** The demo's clip with its first object clicked on the frame that Python clicked. */
async function clicked(page: Page): Promise<StudioPage> {
  const studio = new StudioPage(page);
  await studio.open(clipPath("demo.mp4"));
  const { clicks, clicked: frame } = expected();
  await studio.seek(frame);
  const first = clicks[0];
  if (first === undefined) throw new Error("nothing was clicked");
  const before = await studio.color(first.x + 9, first.y + 9);
  await studio.click(first.x, first.y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
  const sky = 0x5a + 0xb1 - 0xfe; // the first object's colour, far more blue than the ball
  const blueness = ([r, g, b]: readonly number[]) => (b ?? 0) - (r ?? 0) / 2 - (g ?? 0) / 2;
  await expect
    .poll(async () => blueness(await studio.color(first.x + 9, first.y + 9)), { timeout: PATIENCE })
    .toBeGreaterThan(blueness(before) - sky / 10);
  return studio;
}

test("a click makes a mask; Forward follows it; Stop keeps what is done; a correction makes the rest stale", async ({
  page,
}) => {
  const studio = await clicked(page);
  const { clicked: frame, clicks } = expected();
  await page.keyboard.press("f");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(3);
  await page.keyboard.press("Escape");
  await studio.runsOut();
  const kept = await studio.masked(1);
  expect(kept).toBeGreaterThan(3);
  expect(kept).toBeLessThan(13);
  await studio.seek(frame + 2);
  const first = clicks[0];
  if (first === undefined) throw new Error("nothing was clicked");
  await studio.click(first.x + 60, first.y - 60, "right");
  await expect.poll(() => studio.strip(1), { timeout: PATIENCE }).toMatch(/stale on [1-9]/);
  await page.keyboard.press("f");
  await studio.runsOut();
  await expect.poll(() => studio.strip(1), { timeout: PATIENCE }).toMatch(/stale on 0/);
  expect(await studio.masked(1)).toBe(20 - frame);
  await studio.shot("followed");
});

test("a run stays between in and out; then there is nothing left to follow", async ({ page }) => {
  const studio = await clicked(page);
  const { clicked: frame } = expected();
  await studio.seek(frame + 2);
  await page.keyboard.press("]");
  await studio.seek(frame - 1);
  await page.keyboard.press("[");
  for (const key of ["f", "f", "Shift+F"]) {
    await page.keyboard.press("End");
    await page.keyboard.press(",");
    await page.keyboard.press(",");
    await page.keyboard.press(key);
    await studio.runsOut();
  }
  await expect(page.getByText("Nothing left to follow")).toBeVisible();
  expect(await studio.masked(1)).toBe(4);
});

/** Two objects, each clicked once, and how the second one joins the first. */
async function combined(page: Page, how: RegExp): Promise<StudioPage> {
  const studio = await clicked(page);
  const second = expected().clicks[1];
  if (second === undefined) throw new Error("one object only");
  await page.keyboard.press("n");
  await studio.click(second.x, second.y);
  await expect.poll(() => studio.masked(2), { timeout: PATIENCE }).toBe(1);
  await page.getByRole("button", { name: "More for Object 2" }).click();
  await page.getByRole("menuitemradio", { name: how }).click();
  return studio;
}

test("everything can be undone, and done again", async ({ page }) => {
  const studio = await combined(page, /Subtract/);
  await page.keyboard.press("i");
  await page.keyboard.press("]");
  await expect(page.getByRole("switch", { name: "Invert mask" })).toBeChecked();
  for (let i = 0; i < 3; i++) await page.keyboard.press("Control+z");
  await expect(page.getByRole("switch", { name: "Invert mask" })).not.toBeChecked();
  for (let i = 0; i < 2; i++) await page.keyboard.press("Control+z");
  await expect(page.locator("[data-object]")).toHaveCount(1);
  await page.keyboard.press("Control+z");
  await expect(page.locator("[data-object]")).toHaveCount(0);
  for (let i = 0; i < 3; i++) await page.keyboard.press("Control+Shift+z");
  await expect(page.locator("[data-object]")).toHaveCount(2);
  await expect.poll(() => studio.masked(2), { timeout: PATIENCE }).toBe(1);
});

test("Clear All and its undo bring tracked masks back; a reload and a file do, too", async ({ page }) => {
  const studio = await clicked(page);
  await page.keyboard.press("f");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBeGreaterThan(4);
  await page.keyboard.press("Escape");
  await studio.runsOut();
  const kept = await studio.masked(1);
  await page.getByRole("button", { name: "Clear All" }).click();
  await expect(page.locator("[data-object]")).toHaveCount(0);
  await page.keyboard.press("Control+z");
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(kept);

  await studio.saved();
  await page.reload();
  await studio.ready();
  await expect(page.locator("[data-object]")).toHaveCount(1);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(kept);

  const download = page.waitForEvent("download");
  await page.keyboard.press("Control+s");
  const file = await saveTo(download, "trip.splitmask");
  await studio.command("New project");
  await expect(page.locator("[data-start]")).toBeVisible();
  await studio.choose(file);
  await studio.ready();
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(kept);
});

test("views show the frame, the cut-out and the rest; a photo has the same panel", async ({ page }) => {
  const studio = new StudioPage(page);
  await studio.open(clipPath("photo.jpg"), { width: 60, height: 120 });
  await expect(page.locator("[data-track]")).toHaveCount(0);
  await page.keyboard.press("d");
  await expect(page.locator("[data-object]")).toHaveCount(1, { timeout: PATIENCE });
  await expect(page.getByText("Propagate")).toHaveCount(0);
  await page.keyboard.press("2");
  await expect(page.getByRole("radio", { name: "Cutout" })).toBeChecked();
  await page.keyboard.press("3");
  await expect(page.getByRole("radio", { name: "Erase" })).toBeChecked();
});

test("a brush paints a mask, a box asks for what is in it", async ({ page }) => {
  const studio = await clicked(page);
  const { clicks } = expected();
  const second = clicks[1];
  if (second === undefined) throw new Error("one object only");
  await page.keyboard.press("n");
  const [from, to] = [
    await studio.at(second.x - 30, second.y - 32),
    await studio.at(second.x + 30, second.y + 34),
  ];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 6 });
  await page.mouse.up();
  await expect(page.getByRole("button", { name: "Remove box" })).toBeVisible();
  await expect.poll(() => studio.masked(2), { timeout: PATIENCE }).toBe(1);
  await page.keyboard.press("Control+z");
  await expect(page.getByRole("button", { name: "Remove box" })).toHaveCount(0);
  await page.keyboard.press("b");
  const a = await studio.at(60, 60);
  const b = await studio.at(110, 60);
  await page.mouse.move(a.x, a.y);
  await page.mouse.down();
  await page.mouse.move(b.x, b.y, { steps: 4 });
  await page.mouse.up();
  await expect(page.getByRole("button", { name: "Remove brushed mask" })).toBeVisible();
  await page.keyboard.press("2");
  await expect
    .poll(async () => Math.max(...(await studio.color(300, 200))), { timeout: PATIENCE })
    .toBeLessThan(60);
});

test("keys alone do it: a crosshair, include, exclude, in and out, the sheet of shortcuts", async ({
  page,
}) => {
  const studio = new StudioPage(page);
  await studio.open(clipPath("demo.mp4"));
  await studio.stage.focus();
  for (const key of ["ArrowRight", "Shift+ArrowLeft", "ArrowUp"]) await page.keyboard.press(key);
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-point='1']")).toHaveCount(1);
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+Enter");
  await expect(page.locator("[data-point='0']")).toHaveCount(1);
  await expect(page.locator("[data-said]")).toContainText("Exclude point");
  await page.keyboard.press(".");
  await page.keyboard.press("[");
  for (let i = 0; i < 4; i++) await page.keyboard.press(".");
  await page.keyboard.press("]");
  await expect(page.getByRole("slider", { name: "In" })).toHaveAttribute("aria-valuenow", "2");
  await expect(page.getByRole("slider", { name: "Out" })).toHaveAttribute("aria-valuenow", "6");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Home");
  await expect(page.locator("[data-frame]")).toHaveAttribute("data-frame", "1");
  await page.keyboard.press("Space"); // from in to out
  await expect(page.locator("[data-frame]")).toHaveAttribute("data-frame", "5", { timeout: PATIENCE });
});

test("masks are taken away as pictures and as numbers", async ({ page }) => {
  await clicked(page);
  await page.keyboard.press("[");
  await page.keyboard.press("Control+e");
  const dialog = page.getByRole("dialog", { name: "Take away" });
  const pictures = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Save" }).click();
  const entries = unzipSync(readFileSync(await saveTo(pictures, "masks.zip")));
  expect(Object.keys(entries).length).toBe(20 - expected().clicked);
  await dialog.getByRole("radio", { name: /COCO RLE/ }).check();
  const numbers = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Save" }).click();
  expect(readFileSync(await saveTo(numbers, "masks.json"), "utf-8")).toContain("counts");
});

test("pictures of several objects are combined as on the stage, or a folder each", async ({ page }) => {
  await combined(page, /Intersect/);
  const { clicked: frame } = expected();
  await page.keyboard.press("[");
  await page.keyboard.press("]");
  await page.keyboard.press("Control+e");
  const dialog = page.getByRole("dialog", { name: "Take away" });
  const take = async (which: string) => {
    await dialog.getByRole("combobox", { name: "Masks" }).selectOption(which);
    const pictures = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Save" }).click();
    return unzipSync(readFileSync(await saveTo(pictures, "masks.zip")));
  };
  const name = `${String(frame).padStart(6, "0")}.png`;
  const joined = await take("joined");
  expect(Object.keys(joined)).toEqual([name]);
  const apart = await take("apart");
  expect(Object.keys(apart)).toEqual([`1/${name}`, `2/${name}`]);
  const only = await take("2");
  expect(only[name]).toEqual(apart[`2/${name}`]);
  // what is in both the ball and the balloon is nothing: all black, which deflates to less
  expect(joined[name]?.length).toBeLessThan(Math.min(...Object.values(apart).map((each) => each.length)));
});

test("a bundle is clicked at once, without its picture", async ({ page }) => {
  const bundle = makeBundle();
  const studio = new StudioPage(page);
  await studio.open(bundle);
  const first = expected().clicks[0];
  if (first === undefined) throw new Error("nothing was clicked");
  const before = await studio.color(first.x + 9, first.y + 9);
  await studio.click(first.x, first.y);
  await expect.poll(() => studio.color(first.x + 9, first.y + 9), { timeout: PATIENCE }).not.toEqual(before);
});

test("what cannot be opened says why, and what to do", async ({ page }) => {
  const studio = new StudioPage(page);
  await page.goto("./");
  for (const [name, says] of [
    ["empty.mp4", /is empty/],
    ["words.mp4", /words.mp4 is no video that this browser reads/],
    ["broken.png", /broken.png/],
    ["mpeg4.mp4", /This browser cannot open it/],
  ] as const) {
    await studio.choose(clipPath(name));
    const notice = page.locator("[data-notice=error]");
    await expect(notice).toContainText(says, { timeout: PATIENCE });
    await notice.getByRole("button", { name: /^Dismiss/ }).click();
    await expect(notice).toHaveCount(0);
  }
  await expect(page.locator("[data-start]")).toBeVisible();
});

test("a second tab asks before it takes a project", async ({ page, context }) => {
  const studio = await clicked(page);
  await studio.saved();
  const other = await context.newPage();
  await other.goto("./");
  await other.getByRole("button", { name: /^demo/ }).click();
  await other.getByRole("button", { name: "Open it here instead" }).click({ timeout: PATIENCE });
  await new StudioPage(other).ready();
  await expect(other.locator("[data-object]")).toHaveCount(1);
  await expect(page.getByText("Opened in another tab", { exact: true })).toBeVisible();
});

/** What goes wrong in a browser: storage that is full, a model that is damaged, files of all kinds. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { decodeMask } from "@/core/rle";
import { ModelServer } from "../model_server";
import { clipPath, expected, makeClips, PYTHON, python } from "./clips";
import { PATIENCE, PLAIN, StudioPage, saveTo } from "./studio_page";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TINY = `${ROOT}fixtures/graphs/test-conv`;

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
  await expect(page.locator("[data-saving]")).toHaveAttribute("data-saving", "memory");
  await said.getByRole("button", { name: "Storage…" }).first().click();
  await expect(page.getByRole("dialog", { name: "Storage" })).toBeVisible();
  await page.keyboard.press("Escape");
  await studio.seek(expected().clicked);
  await studio.click(first().x, first().y);
  await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
});

interface Faulty {
  fault: "none" | "full" | "aborted";
  room: number;
}

/** The database refuses what is put there, or takes it and gives it up again, as browsers do of lack of room. */
const setDatabase = (page: Page, fault: Faulty["fault"]) =>
  page.evaluate((fault) => {
    const faulty = window as unknown as Faulty;
    if (faulty.fault === undefined) {
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (...given) {
        if (faulty.fault === "full") throw new DOMException("no room", "QuotaExceededError");
        const request = put.apply(this, given);
        if (faulty.fault === "aborted") request.addEventListener("success", () => this.transaction.abort());
        return request;
      };
    }
    faulty.fault = fault;
  }, fault);

test("what could not be saved is saved once it can be, without a reload", async ({ page }) => {
  const studio = new StudioPage(page);
  await studio.open(clipPath("demo.mp4"));
  await studio.saved();
  const state = page.locator("[data-saving]");
  const inverted = page.getByRole("switch", { name: "Invert mask" });
  await setDatabase(page, "full");
  await page.keyboard.press("i");
  await expect(state).toHaveAttribute("data-saving", "memory", { timeout: PATIENCE });
  await expect(state).toHaveText("Not kept in this browser");
  await expect(page.locator("[data-notice=error]")).toContainText("storage is full");
  await setDatabase(page, "none");
  await studio.saved(); // nothing was changed
  await page.reload();
  await studio.ready();
  await expect(inverted).toBeChecked();

  await setDatabase(page, "aborted");
  await page.keyboard.press("i");
  await expect(state).toHaveAttribute("data-saving", "memory", { timeout: PATIENCE });
  await setDatabase(page, "none");
  await page.keyboard.press("2"); // the next change brings both
  await studio.saved();
  await page.reload();
  await studio.ready();
  await expect(inverted).not.toBeChecked();
  await expect(page.getByRole("radio", { name: "Cutout" })).toBeChecked();
});

test("a clip's file that found no room is kept once there is some", async ({ page }) => {
  const studio = new StudioPage(page);
  await page.goto("./");
  await page.evaluate(() => {
    const faulty = Object.assign(window as unknown as Faulty, { room: 0 });
    const estimate = navigator.storage.estimate.bind(navigator.storage);
    // for the page only: the worker's masks find their place
    navigator.storage.estimate = async () => ({ ...(await estimate()), quota: faulty.room });
  });
  await studio.choose(clipPath("photo.jpg"));
  await expect(page.locator("[data-notice=warning]")).toContainText("Not kept for next time", {
    timeout: PATIENCE,
  });
  await expect(page.locator("[data-saving]")).toHaveAttribute("data-saving", "memory");
  await page.evaluate(() => Object.assign(window, { room: 1e12 }));
  await studio.saved();
  await page.reload();
  await studio.ready();
  await expect(page.getByText("A clip's file is needed")).toHaveCount(0);
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

test("a download that storage has no room for says so, and comes once there is room", async ({ browser }) => {
  const server = await ModelServer.start({ nano: `${ROOT}src/splitmask/weights/nano`, tiny: TINY });
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  const model = (id: string) => ({ id, title: id, about: id, licence: "Apache-2.0", tracks: true });
  const models = [
    { ...model("nano"), bytes: 18e6, bundled: true },
    { ...model("tiny"), bytes: 4e5, bundled: false },
  ];
  await page.route("**/models/models.json", (route) =>
    route.fulfill({ json: { format: "splitmask.models", version: 1, base: server.url, models } }),
  );
  await page.goto("./");
  const studio = new StudioPage(page);
  await studio.choose(clipPath("demo.mp4"));
  await studio.ready();
  const card = page.locator("[data-model]").first();
  await card.getByRole("button", { name: "nano" }).click();
  await page.getByRole("menuitem", { name: /tiny/ }).click();
  await expect(card).toHaveAttribute("data-model", "absent", { timeout: PATIENCE });
  await setQuota(page, 1000);
  await card.getByRole("button", { name: "Download" }).click();
  await expect(card.getByRole("alert")).toContainText("This browser's storage is full", {
    timeout: PATIENCE,
  });
  await studio.hasNoFaults();
  await card.getByRole("button", { name: "Storage…" }).click();
  await expect(page.getByRole("dialog", { name: "Storage" })).toBeVisible();
  await page.keyboard.press("Escape");
  await setQuota(page);
  await card.getByRole("button", { name: "Retry" }).click();
  await expect(card).toHaveAttribute("data-model", "ready", { timeout: PATIENCE });
  await context.close();
  await server.stop();
});

/** A disc on grass, 7680 × 4320: a photo, and a clip of two frames. */
function makeLarge(): void {
  const script = `
import sys, av, numpy as np
from PIL import Image
rng = np.random.default_rng(1)
small = np.clip(rng.normal((60, 120, 50), 12, (270, 480, 3)), 0, 255).astype(np.uint8)
image = np.asarray(Image.fromarray(small).resize((7680, 4320))).copy()
y, x = np.mgrid[:4320, :7680]
image[(x - 2400) ** 2 + (y - 1800) ** 2 < 700**2] = (220, 60, 40)
Image.fromarray(image).save(sys.argv[1], quality=85)
with av.open(sys.argv[2], "w") as out:
    stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "30"})
    stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
    for _ in range(2):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    out.mux(stream.encode(None))
`;
  const [photo, clip] = [clipPath("8k.jpg"), clipPath("8k.mp4")];
  if (!existsSync(clip)) execFileSync(PYTHON, ["-W", "ignore", "-c", script, photo, clip], python());
}

for (const name of ["8k.jpg", "8k.mp4"]) {
  test(`${name}: 7680 × 4320 pixels are shown, clicked in their own coordinates, and taken away`, async ({
    page,
  }) => {
    makeLarge();
    const studio = new StudioPage(page);
    await studio.open(clipPath(name), { width: 7680, height: 4320 });
    const before = await studio.color(2600, 2000);
    await studio.click(2400, 1800);
    await expect.poll(() => studio.color(2600, 2000), { timeout: PATIENCE }).not.toEqual(before);
    await expect(page.locator("[data-notice=error]")).toHaveCount(0);
    if (name.endsWith("mp4")) {
      await page.keyboard.press("f");
      await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(2);
    }
    await page.keyboard.press("Control+e");
    const dialog = page.getByRole("dialog", { name: "Take away" });
    await dialog.getByRole("radio", { name: /COCO RLE/ }).check();
    const numbers = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Save" }).click();
    const { frames } = JSON.parse(readFileSync(await saveTo(numbers, "8k.json"), "utf-8"));
    const [found] = frames[0].objects;
    expect(found.rle.size).toEqual([4320, 7680]);
    expect(found.area / (Math.PI * 700 ** 2)).toBeGreaterThan(0.85);
    expect(found.area / (Math.PI * 700 ** 2)).toBeLessThan(1.15);
    const mask = decodeMask({ size: found.rle.size, counts: countsToRuns(found.rle.counts) });
    for (const [x, y, inside] of [
      [2400, 1250, 1],
      [2950, 1800, 1],
      [2400, 900, 0],
      [3300, 1800, 0],
    ] as const)
      expect(mask[y * 7680 + x]).toBe(inside);
  });
}

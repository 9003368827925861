/**
 * Makes the picture of the studio for the README: the sample clip with two objects followed through it.
 *
 *     node scripts/picture.mjs ../docs/images/studio.webp [FRAMES]
 *
 * in web/, after `make site`; CHROMIUM names the browser. FRAMES are tracked, fewer on a slow machine.
 */

import { writeFile } from "node:fs/promises";
import { chromium } from "@playwright/test";
import { preview } from "vite";

const VIEWPORT = { width: 1360, height: 850 };
const SHARPNESS = 1.5; // pixels of the picture per pixel of the page
const QUALITY = 0.86;
const SIZE = { width: 960, height: 540 }; // of the sample clip
const OBJECTS = [
  { name: "Ball", from: [99, 322], to: [99, 322] }, // a click
  { name: "Balloon", from: [152, 70], to: [298, 268] }, // a box
]; // on its first frame
const TRACKED = Number(process.argv[3] ?? 40); // frames
const SHOWN = Math.min(17, TRACKED - 2); // the frame in view
const PATIENCE = 600_000; // milliseconds

const target = process.argv[2];
if (target === undefined)
  throw new Error("say where the picture goes: node scripts/picture.mjs PICTURE.webp");

const server = await preview({ preview: { port: 0 } });
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const look = { viewport: VIEWPORT, deviceScaleFactor: SHARPNESS, colorScheme: "dark" };
  const page = await (await browser.newContext(look)).newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(server.resolvedUrls.local[0]);
  await track(page);
  await show(page);
  const png = await page.screenshot();
  const webp = await page.evaluate(toWebp, [png.toString("base64"), QUALITY]);
  await writeFile(target, Buffer.from(webp, "base64"));
  console.log(`${target}: ${Math.round((webp.length * 3) / 4 / 1000)} kB`);
} finally {
  await browser.close();
  await server.close();
}

async function track(page) {
  await page.getByRole("button", { name: "Try the sample clip" }).click();
  await page.locator("[data-model=ready]").first().waitFor();
  await page.locator("[data-track]").waitFor();
  for (const [i, { name, from, to }] of OBJECTS.entries()) {
    if (i > 0) await page.keyboard.press("n");
    await page.mouse.move(...(await onStage(page, from)));
    await page.mouse.down();
    await page.mouse.move(...(await onStage(page, to)), { steps: 5 });
    await page.mouse.up();
    await page.locator(`[data-lane="${i + 1}"] canvas[aria-label*="Masks on 1 "]`).waitFor();
    await page.getByRole("button", { name: `More for Object ${i + 1}` }).click();
    await page.getByRole("menuitem", { name: /Rename/ }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
    await page.keyboard.press("Enter");
    await page.locator("[data-scope=stage]").focus();
  }
  await page.keyboard.press("f");
  await page.waitForFunction(hasMasks, TRACKED);
  await page.keyboard.press("Escape");
  await page.locator("[data-running]").waitFor({ state: "detached" });
}

/** In the page: whether the first object has masks on so many frames. */
function hasMasks(wanted) {
  const said = document.querySelector('[data-lane="1"] canvas')?.getAttribute("aria-label") ?? "";
  return Number(/Masks on (\d+)/.exec(said)?.[1]) >= wanted;
}

async function show(page) {
  await page.keyboard.press("Home");
  for (let i = 0; i < SHOWN; i++) await page.keyboard.press(".");
  for (const each of await page.locator("[data-banner] button").all()) await each.click();
  await page.locator("[data-notice]").waitFor({ state: "detached" }); // "Stopped" goes by itself
  await page.mouse.move(VIEWPORT.width - 40, VIEWPORT.height - 40);
  await page.evaluate(() => document.activeElement?.blur());
  await page.waitForTimeout(1500); // the pictures of the filmstrip
}

/** Where a pixel of the clip is on the page, while the clip fits. */
async function onStage(page, [x, y]) {
  const box = await page.locator("[data-scope=stage]").boundingBox();
  const scale = Math.min((box.width - 32) / SIZE.width, (box.height - 32) / SIZE.height);
  const [left, top] = [box.x + box.width / 2, box.y + box.height / 2];
  return [left + (x - SIZE.width / 2) * scale, top + (y - SIZE.height / 2) * scale];
}

/** In the page, which has an encoder for it. */
async function toWebp([png, quality]) {
  const bytes = Uint8Array.from(atob(png), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}

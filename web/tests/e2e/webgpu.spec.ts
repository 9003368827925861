/**
 * Sessions on WebGPU, in software here: clicks and runs as on WASM, and a device that is lost in mid-run. A random
 * model of a few thousand parameters takes the place of `nano`; with SLOW=1 the packaged one is asked, too.
 */

import { expect, type Page, test, type Worker } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { area, iou } from "@/core/rle";
import type { Provider } from "@/engine/base";
import type { PlainMasks } from "../harness/segmenter";
import { expected, makeClips, openHarness } from "./clips";
import { serveSmall } from "./studio_page";

test.beforeAll(makeClips);

interface Hooked {
  device?: GPUDevice;
}

/** The page with a clip open on a model; tiny: of another model under nano's name. */
async function start(page: Page, name: string, provider: Provider, tiny: boolean): Promise<void> {
  if (tiny) await serveSmall(page);
  await openHarness(page, name);
  await hook(worker(page));
  const found = await page.evaluate(
    async ([name, provider]) => {
      const { segmenter, file } = window.studio;
      const state = await segmenter.loadModel("nano", provider);
      await segmenter.openClip("clip", file(name));
      return state.provider;
    },
    [name, provider] as const,
  );
  expect(found).toBe(provider);
}

function worker(page: Page): Worker {
  const [first] = page.workers();
  if (first === undefined) throw new Error("the page has no worker");
  return first;
}

/** Holds on to the device that the runtime asks for, to take it away later. */
const hook = (of: Worker) =>
  of.evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      (globalThis as Hooked).device = device;
      return device;
    };
  });

const click = (page: Page, object: number, frame: number, x: number, y: number) =>
  page.evaluate(
    async ([object, frame, x, y]) => {
      const { segmenter, plain } = window.studio;
      const prompt = { points: [{ x, y }], labels: [1 as const], box: null, mask: null };
      const decision = await segmenter.prompt("clip", object, frame, prompt);
      return decision === null ? "" : plain(decision.mask.rle);
    },
    [object, frame, x, y] as const,
  );

const rle = (counts: string) => ({ size: expected().size, counts: countsToRuns(counts) });

/** Another provider takes over; the same click again, on an object of its own. */
async function clickOn(page: Page, provider: Provider, object: number): Promise<string> {
  await page.evaluate((provider) => window.studio.segmenter.loadModel("nano", provider), provider);
  const [x, y] = expected().still.points[0] as readonly [number, number, number];
  return click(page, object, 0, x, y);
}

async function clicksAgree(page: Page, tiny: boolean): Promise<void> {
  await start(page, "still.png", "webgpu", tiny);
  const there = await clickOn(page, "webgpu", 1);
  const here = await clickOn(page, "wasm", 2);
  const overlap = iou(rle(there), rle(here));
  console.log(`a click on WebGPU and on WASM: overlap ${overlap.toFixed(4)}, ${area(rle(here))} pixels`);
  expect(area(rle(here))).toBeGreaterThan(50);
  expect(overlap).toBeGreaterThanOrEqual(0.99);
}

interface Lost {
  readonly end: string;
  readonly frames: number;
  readonly before: PlainMasks[]; // when the device was lost
  readonly after: PlainMasks[];
  readonly provider: Provider | null;
  readonly fallback: string | null;
}

/** Runs forward over some frames; the device goes after the third. */
async function loses(page: Page, tiny: boolean, maxFrames: number): Promise<Lost> {
  await start(page, "demo.mp4", "webgpu", tiny);
  const { clicks, clicked } = expected();
  for (const { object, x, y } of clicks) await click(page, object, clicked, x, y);
  const third = page.evaluate(
    () =>
      new Promise<void>((done) => {
        window.onSegmenterEvent = (event) => {
          if (event.type === "run" && event.done === 3) done();
        };
      }),
  );
  const run = page.evaluate(
    (maxFrames) => window.studio.segmenter.run({ clip: "clip", start: null, reverse: false, maxFrames }),
    maxFrames,
  );
  await third;
  const kept = [0, 1, 2, 3].map((each) => clicked + each);
  const before = await page.evaluate((kept) => window.studio.masks("clip", kept), kept);
  await worker(page).evaluate(() => (globalThis as Hooked).device?.destroy());
  const { end, frames } = await run;
  const all = Array.from({ length: maxFrames + 1 }, (_, i) => clicked + i);
  const after = await page.evaluate((all) => window.studio.masks("clip", all), all);
  const state = await page.evaluate(() => {
    const told = window.studio.events.filter((each) => each.type === "model").at(-1);
    return { provider: told?.state.provider ?? null, fallback: told?.state.fallback ?? null };
  });
  return { end, frames, before, after, ...state };
}

async function recovers(page: Page, tiny: boolean, maxFrames: number): Promise<Lost> {
  const lost = await loses(page, tiny, maxFrames);
  expect([lost.end, lost.frames, lost.provider]).toEqual(["done", maxFrames, "wasm"]);
  expect(lost.fallback).toMatch(/graphics processor was lost/);
  expect(lost.after.slice(0, lost.before.length)).toEqual(lost.before);
  expect(lost.after.map((masks) => Object.keys(masks).length)).toEqual(lost.after.map(() => 2));
  return lost;
}

test.describe("a small model", () => {
  test.describe.configure({ timeout: 240_000 });

  test("gives the same mask on both providers", async ({ page }) => {
    await clicksAgree(page, true);
  });

  test("goes on tracking on WASM when the device is lost, and keeps its masks", async ({ page }) => {
    await recovers(page, true, 8);
  });
});

test.describe("the packaged model @slow", () => {
  test.describe.configure({ timeout: 900_000 });

  test("gives the same mask on both providers", async ({ page }) => {
    await clicksAgree(page, false);
  });

  test("goes on tracking on WASM when the device is lost: as Python tracks", async ({ page }) => {
    const { after } = await recovers(page, false, 5);
    const { frames, clicked } = expected();
    const overlaps = after.flatMap((masks, i) => {
      const wanted = frames.find(({ frame }) => frame === clicked + i)?.masks ?? {};
      return Object.entries(wanted).map(([object, counts]) =>
        iou(rle(masks[Number(object)]?.counts ?? ""), rle(counts)),
      );
    });
    console.log(`with a device lost on the way: worst overlap ${Math.min(...overlaps).toFixed(4)}`);
    expect(Math.min(...overlaps)).toBeGreaterThanOrEqual(0.98);
  });
});

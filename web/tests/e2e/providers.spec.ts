/**
 * The studio's page on each provider: click, follow, stop, correct, undo, come back, take away. WebGPU is chosen as a
 * person would, and computed in software here. A random model of a few thousand parameters takes the place of
 * `nano`; with SLOW=1 the packaged one is asked, too.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, type Page, test, type Worker } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { area, iou } from "@/core/rle";
import type { Rle } from "@/core/types";
import type { Provider } from "@/engine/base";
import { clipPath, expected, factsOf, makeClips, PYTHON, python } from "./clips";
import { PATIENCE, StudioPage, serveSmall } from "./studio_page";

const SIZE = { width: 480, height: 270 };
const FRAMES = 96;
const CHOICES = { webgpu: /^WebGPU/, wasm: /^The processor/ } as const;
const WORDS = { webgpu: "Ready · WebGPU", wasm: "Ready · WASM" } as const;

test.use({ colorScheme: "dark", serviceWorkers: "block" }); // it would fetch past the test's model
test.beforeAll(makeClips);
test.beforeAll(makeWhole);

/** The whole demo, small: long enough to be stopped on the way. */
function makeWhole(): void {
  const script = `
import sys, av
from splitmask.demo.scene import Scene
scene = Scene(width=${SIZE.width}, height=${SIZE.height})
with av.open(sys.argv[1], "w") as out:
    stream = out.add_stream("libx264", rate=scene.fps, options={"crf": "16"})
    stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
    for shot in scene.shots():
        out.mux(stream.encode(av.VideoFrame.from_ndarray(shot.image, format="rgb24")))
    out.mux(stream.encode(None))
`;
  const path = clipPath("whole.mp4");
  if (!existsSync(path)) execFileSync(PYTHON, ["-W", "ignore", "-c", script, path], python());
}

interface Counted {
  submitted?: number;
}

function modelWorker(page: Page): Worker {
  const found = page.workers().find((each) => /\/main-[^/]*\.js/.test(each.url())); // others are its threads
  if (found === undefined) throw new Error("no worker holds the model");
  return found;
}

/** How often the graphics processor was given work by the model's worker, from now on. */
async function watchGpu(page: Page): Promise<() => Promise<number>> {
  const worker = modelWorker(page);
  await worker.evaluate(() => {
    const queue = globalThis.GPUQueue?.prototype;
    if (queue === undefined) return;
    const submit = queue.submit;
    queue.submit = function (...given) {
      const counted = globalThis as Counted;
      counted.submitted = (counted.submitted ?? 0) + 1;
      return submit.apply(this, given);
    };
  });
  return () => worker.evaluate(() => (globalThis as Counted).submitted ?? 0);
}

/** One visit on one provider, which has to be the one that computes all along. */
class Visit {
  readonly studio: StudioPage;
  readonly page: Page;
  readonly provider: Provider;
  readonly patience: number;
  private submitted = async (): Promise<number> => 0;

  constructor(page: Page, provider: Provider, patience = PATIENCE) {
    this.studio = new StudioPage(page, SIZE, patience);
    this.page = page;
    this.provider = provider;
    this.patience = patience;
  }

  async isOnIt(): Promise<void> {
    await expect(this.page.locator("[data-model-word]")).toHaveText(WORDS[this.provider], {
      timeout: this.patience,
    });
    await expect(this.page.getByText("WebGPU recommended")).toHaveCount(0);
    await expect(this.page.locator("[data-notice=error]")).toHaveCount(0);
  }

  async watch(): Promise<void> {
    this.submitted = await watchGpu(this.page);
  }

  /** Does what asks the model, and looks at who computed it. */
  async computing(work: () => Promise<void>): Promise<void> {
    const before = await this.submitted();
    await work();
    const given = (await this.submitted()) - before;
    if (this.provider === "webgpu") expect(given).toBeGreaterThan(0);
    else expect(given).toBe(0);
    await this.isOnIt();
  }

  /** Forward, until so much is there; then Stop. */
  async run(until: () => Promise<void>): Promise<void> {
    await this.page.keyboard.press("f");
    await until();
    await this.page.keyboard.press("Escape");
    await this.studio.runsOut();
  }

  /** Masks by frame, as the COCO RLE JSON has them. */
  async masks(): Promise<Map<number, Rle>> {
    const text = readFileSync(await this.studio.takeAway(/COCO RLE/, `${this.provider}.json`), "utf-8");
    const masks = new Map<number, Rle>();
    for (const { index, objects } of JSON.parse(text).frames) {
      const [found] = objects;
      if (found !== undefined)
        masks.set(index, { size: found.rle.size, counts: countsToRuns(found.rle.counts) });
    }
    return masks;
  }

  /** What the stage shows over the bare picture of the frame is the mask. */
  async shows(mask: Rle | undefined, bare: Buffer): Promise<void> {
    if (mask === undefined) throw new Error("there is no mask");
    const overlap = async () => iou(await this.studio.changed(bare, await this.studio.picture()), mask);
    await expect.poll(overlap, { timeout: this.patience }).toBeGreaterThan(0.95);
  }
}

/** click on frame `at`, correct `later` frames on; until the end of the session. */
async function wholeFlow(visit: Visit): Promise<void> {
  const { studio, page, provider } = visit;
  const { clicks, clicked, size } = expected();
  const scale = SIZE.width / size[1];
  const [x, y] = [(clicks[0]?.x ?? 0) * scale, (clicks[0]?.y ?? 0) * scale];
  const corrected = clicked + 2;

  await studio.open(clipPath("whole.mp4"));
  await studio.computeOn(CHOICES[provider]);
  await visit.isOnIt();
  await visit.watch();
  await page.keyboard.press("n"); // its lane takes room: pictures from here on are of one size
  await studio.seek(corrected);
  const bareLater = await studio.picture();
  await studio.seek(clicked);
  const bare = await studio.picture();

  await page.keyboard.press("a"); // a clip opens with it on
  await page.getByRole("region", { name: "Segment" }).getByRole("button", { name: "Activate" }).click();
  await visit.computing(async () => {
    await studio.click(x, y);
    await expect.poll(() => studio.masked(1), { timeout: visit.patience }).toBe(1);
  });
  const first = (await visit.masks()).get(clicked);
  expect(area(first as Rle)).toBeGreaterThan(50);
  await visit.shows(first, bare);
  await studio.hasNoFaults();

  await visit.computing(() =>
    visit.run(() =>
      expect(page.locator("[data-running]")).toContainText(/\b([4-9]|\d\d) of/, { timeout: visit.patience }),
    ),
  );
  const kept = await studio.masked(1);
  expect(kept).toBeGreaterThan(4);
  expect(kept).toBeLessThan(FRAMES - clicked);
  const followed = await visit.masks();
  expect([...followed.keys()]).toEqual(Array.from({ length: kept }, (_, i) => clicked + i));

  await studio.seek(corrected);
  await visit.shows(followed.get(corrected), bareLater);
  await visit.computing(async () => {
    await studio.click(x, y + 12, "right");
    await expect.poll(() => studio.strip(1), { timeout: visit.patience }).toContain(`stale on ${kept - 3}`);
  });
  await page.keyboard.press("Control+z");
  await expect(page.locator("[data-point]")).toHaveCount(0);
  await page.keyboard.press("Control+Shift+z");
  await expect(page.locator("[data-point='0']")).toHaveCount(1);
  await expect.poll(() => studio.strip(1), { timeout: visit.patience }).toContain(`stale on ${kept - 3}`);
  await visit.computing(() =>
    visit.run(() =>
      expect.poll(() => studio.strip(1), { timeout: kept * visit.patience }).toMatch(/stale on 0/),
    ),
  );
  const again = await visit.masks();
  for (const frame of [clicked, clicked + 1]) expect(again.get(frame)).toEqual(followed.get(frame));
  for (const frame of [corrected, corrected + 1]) expect(again.get(frame)).not.toEqual(followed.get(frame));
  await studio.seek(corrected);
  await visit.shows(again.get(corrected), bareLater);
  await studio.hasNoFaults();
  await studio.shot(`flow-${provider}`);

  await studio.saved();
  await page.reload();
  await studio.ready();
  await visit.isOnIt();
  await visit.watch();
  await expect.poll(() => studio.masked(1), { timeout: visit.patience }).toBe(again.size);
  expect(await visit.masks()).toEqual(again);
  await studio.seek(corrected);
  await visit.shows(again.get(corrected), bareLater);
  await visit.computing(() =>
    visit.run(() =>
      expect.poll(() => studio.masked(1), { timeout: visit.patience }).toBeGreaterThan(again.size),
    ),
  );

  const all = await visit.masks();
  const zip = await studio.takeAway(/PNG sequence/, `${provider}.zip`);
  const pictures = factsOf<{ damaged: string | null; masks: Record<string, string> }>("png", zip);
  expect(pictures.damaged).toBeNull();
  for (const [frame, mask] of all) {
    const counts = pictures.masks[`${String(frame).padStart(6, "0")}.png`] ?? "";
    expect(countsToRuns(counts)).toEqual(mask.counts);
  }
}

test.describe("a small model", () => {
  test.describe.configure({ timeout: 6 * PATIENCE });

  for (const provider of ["wasm", "webgpu"] as const)
    test(`on ${provider}: click, follow, stop, correct, undo, come back, take away`, async ({ page }) => {
      await serveSmall(page);
      await wholeFlow(new Visit(page, provider));
    });
});

/** From now on every number that comes from the graphics processor is NaN. */
async function spoilGpu(page: Page): Promise<void> {
  await modelWorker(page).evaluate(() => {
    const read = GPUBuffer.prototype.getMappedRange;
    GPUBuffer.prototype.getMappedRange = function (...given) {
      const range = read.apply(this, given);
      if (this.usage & GPUBufferUsage.MAP_READ) new Float32Array(range).fill(Number.NaN);
      return range;
    };
  });
}

test.describe("answers of NaN", () => {
  test.describe.configure({ timeout: 3 * PATIENCE });

  test("from a graphics processor are refused: the processor answers instead, and the page says why", async ({
    page,
  }) => {
    await serveSmall(page);
    const visit = new Visit(page, "webgpu");
    await visit.studio.open(clipPath("whole.mp4"));
    await visit.studio.computeOn(CHOICES.webgpu);
    await visit.isOnIt();
    await spoilGpu(page);
    await visit.studio.click(240, 135);
    await expect.poll(() => visit.studio.masked(1), { timeout: PATIENCE }).toBe(1);
    await expect(page.locator("[data-model-word]")).toHaveText(WORDS.wasm);
    await expect(page.getByText(/WebGPU computes wrongly here \(NaN or infinity in /)).toBeVisible();
    expect(area((await visit.masks()).get(0) as Rle)).toBeGreaterThan(50);
  });

  for (const [graph, begins] of [
    ["mask_decoder", "the mask decoder's masks"],
    ["image_encoder", "image_embed"],
    ["memory_encoder", "the memory encoder's memory"],
  ] as const)
    test(`from a model's ${graph} are refused: a line says where they begin`, async ({ page }) => {
      await serveSmall(page, graph);
      const studio = new StudioPage(page, SIZE);
      await studio.open(clipPath("whole.mp4"));
      await studio.click(240, 135);
      if (graph === "memory_encoder") {
        await expect.poll(() => studio.masked(1), { timeout: PATIENCE }).toBe(1);
        await page.keyboard.press("f");
      }
      const said = page.locator("[data-notice=error]");
      await expect(said).toContainText(`NaN or infinity in ${begins}`, { timeout: PATIENCE });
      await studio.runsOut();
      if (graph === "memory_encoder") expect(await studio.masked(1)).toBe(1);
      else await expect(page.locator("[data-lane='1'] canvas")).toHaveCount(0); // no mask on any frame
    });
});

test.describe("the packaged model @slow", () => {
  test.describe.configure({ timeout: 3_600_000 });

  test("on webgpu: click, follow, stop, correct, undo, come back, take away", async ({ page }) => {
    await wholeFlow(new Visit(page, "webgpu", 600_000));
  });
});

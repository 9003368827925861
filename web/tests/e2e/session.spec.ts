/** Click, track, correct, stop and come back, in a real browser with the packaged model; against Python's masks. */

import { expect, type Page, test } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { area, bbox, decodeMask, iou } from "@/core/rle";
import type { PlainMasks } from "../harness/segmenter";
import { type Expected, expected, makeClips, openHarness } from "./clips";

test.describe.configure({ timeout: 180_000 });
test.beforeAll(makeClips);

async function start(page: Page, name = "demo.mp4"): Promise<void> {
  await openHarness(page, name);
  await page.evaluate(async (name) => {
    const { studio } = window;
    await studio.segmenter.loadModel("nano", "wasm");
    await studio.segmenter.openClip("clip", studio.file(name));
  }, name);
}

interface Click {
  readonly object: number;
  readonly frame: number;
  readonly points: readonly (readonly [x: number, y: number, label: 0 | 1])[];
}

const click = (page: Page, given: Click) =>
  page.evaluate(async ({ object, frame, points }) => {
    const { studio } = window;
    const begin = performance.now();
    const decision = await studio.segmenter.prompt("clip", object, frame, {
      points: points.map(([x, y]) => ({ x, y })),
      labels: points.map(([, , label]) => label),
      box: null,
      mask: null,
    });
    const milliseconds = performance.now() - begin;
    return decision && { counts: studio.plain(decision.mask.rle), stale: decision.stale, milliseconds };
  }, given);

const clickAll = async (page: Page, { clicks, clicked }: Expected) => {
  for (const { object, x, y } of clicks) await click(page, { object, frame: clicked, points: [[x, y, 1]] });
};

const run = (page: Page, reverse: boolean, maxFrames: number | null = null, start: number | null = null) =>
  page.evaluate(
    ([reverse, maxFrames, start]) => window.studio.segmenter.run({ clip: "clip", start, reverse, maxFrames }),
    [reverse, maxFrames, start] as const,
  );

const masks = (page: Page, frames: readonly number[]): Promise<PlainMasks[]> =>
  page.evaluate((frames) => window.studio.masks("clip", frames), frames);

const strips = (page: Page) =>
  page.evaluate(async () => {
    const found = await window.studio.segmenter.strips("clip");
    return found.map((each) => ({ ...each, presence: [...each.presence], area: [...each.area], score: [] }));
  });

const encodes = (page: Page) =>
  page.evaluate(async () => (await window.studio.segmenter.counters("clip")).encodes);

/** Overlap with Python's mask, of every frame and object. */
function overlaps(found: readonly PlainMasks[], wanted: Expected): number[] {
  const rle = (counts: string) => ({ size: wanted.size, counts: countsToRuns(counts) });
  return wanted.frames.flatMap(({ masks }, i) =>
    Object.entries(masks).map(([object, counts]) => {
      const ours = found[i]?.[Number(object)];
      return ours === undefined ? 0 : iou(rle(ours.counts), rle(counts));
    }),
  );
}

test("tracks forward and backward as Python does, and every mask agrees", async ({ page }) => {
  const wanted = expected();
  await start(page);
  await clickAll(page, wanted);
  const forward = await run(page, false);
  const backward = await run(page, true);
  const frames = wanted.frames.map(({ frame }) => frame);
  expect([forward.end, forward.frames]).toEqual(["done", frames.length - 1 - wanted.clicked]);
  expect([backward.end, backward.frames]).toEqual(["done", wanted.clicked]);
  const found = overlaps(await masks(page, frames), wanted);
  const description = `worst ${Math.min(...found).toFixed(4)}, mean ${(found.reduce((a, b) => a + b) / found.length).toFixed(4)}, ${(forward.frames / forward.seconds).toFixed(2)} frames/s`;
  test.info().annotations.push({ type: "overlap with Python", description });
  console.log(description);
  expect(Math.min(...found)).toBeGreaterThanOrEqual(0.99);
  // each once; and, for the memories that the run backward begins with, the first five of the run forward
  expect(await encodes(page)).toBeLessThanOrEqual(frames.length + 6);
});

test("a click never encodes a frame again", async ({ page }) => {
  const wanted = expected();
  await start(page);
  const [{ object, x, y }] = wanted.clicks as [Expected["clicks"][number]];
  await page.evaluate((frame) => window.studio.segmenter.prepare("clip", frame), wanted.clicked);
  const before = await encodes(page);
  const points: (readonly [number, number, 0 | 1])[] = [];
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    points.push([x + i, y, 1]);
    times.push((await click(page, { object, frame: wanted.clicked, points }))?.milliseconds ?? Number.NaN);
  }
  const hovered = await page.evaluate(
    async ([frame, x, y]) => (await window.studio.segmenter.hover("clip", frame, x, y)) !== null,
    [wanted.clicked, x, y] as const,
  );
  expect(hovered).toBe(true);
  expect(await encodes(page)).toBe(before);
  test.info().annotations.push({ type: "click, ms", description: times.map((t) => t.toFixed(0)).join(" ") });
  console.log("clicks, ms:", times.map((t) => t.toFixed(0)).join(" "));
});

test("of clicks on one object and frame only the newest counts", async ({ page }) => {
  const wanted = expected();
  await start(page);
  const [{ object, x, y }] = wanted.clicks as [Expected["clicks"][number]];
  const given = await page.evaluate(
    async ([object, frame, x, y]) => {
      const one = (dx: number) =>
        window.studio.segmenter.prompt("clip", object, frame, {
          points: [{ x: x + dx, y }],
          labels: [1],
          box: null,
          mask: null,
        });
      return (await Promise.all([one(0), one(1), one(2)])).map((each) => each !== null);
    },
    [object, wanted.clicked, x, y] as const,
  );
  expect(given).toEqual([false, false, true]);
});

test("stop keeps what is done, the next run goes on, and a correction runs again only what is stale", async ({
  page,
}) => {
  const wanted = expected();
  await start(page);
  await clickAll(page, wanted);
  const stopped = await page.evaluate(() => {
    const { studio } = window;
    window.onSegmenterEvent = (event) => {
      if (event.type !== "run" || event.done !== 3) return;
      window.onSegmenterEvent = () => {};
      studio.segmenter.stop("clip");
    };
    return studio.segmenter.run({ clip: "clip", start: null, reverse: false, maxFrames: null });
  });
  expect(stopped.end).toBe("stopped");
  expect(stopped.frames).toBeLessThanOrEqual(4);
  const onward = await run(page, false, 4);
  expect([onward.end, onward.frames]).toEqual(["done", 4]);
  const first = wanted.clicked + 1;
  const last = wanted.clicked + stopped.frames + 4;
  const [ball] = await strips(page);
  expect(ball?.presence.map((v, t) => (Number.isNaN(v) ? -1 : t)).filter((t) => t > wanted.clicked)).toEqual(
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  const { x, y } = wanted.clicks[0] as Expected["clicks"][number];
  const decision = await click(page, { object: 1, frame: first + 2, points: [[x, y, 1]] });
  expect(decision?.stale).toEqual([[first + 3, last + 1]]); // what lies before was tracked from elsewhere
  const untouched = await masks(page, [last]);
  const again = await run(page, false, null, first + 2);
  expect(again.frames).toBe(wanted.frames.length - (first + 3));
  expect((await masks(page, [last]))[0]?.[2]).toEqual(untouched[0]?.[2]);
});

test("a click during a run is answered before the run's next verb", async ({ page }) => {
  const wanted = expected();
  await start(page);
  await clickAll(page, wanted);
  const order = await page.evaluate(async (frame) => {
    const { studio } = window;
    const order: string[] = [];
    let clicked: Promise<unknown> | null = null;
    window.onSegmenterEvent = (event) => {
      if (event.type !== "run") return;
      order.push("frame");
      clicked ??= studio.segmenter
        .prompt("clip", 1, frame, { points: [{ x: 5, y: 5 }], labels: [1], box: null, mask: null })
        .then(() => order.push("click"));
    };
    await studio.segmenter.run({ clip: "clip", start: null, reverse: false, maxFrames: 5 });
    await clicked;
    return order;
  }, wanted.clicked);
  expect(order.indexOf("click")).toBeGreaterThan(0);
  expect(order.indexOf("click")).toBeLessThanOrEqual(2);
});

test("after a reload the masks are there, nothing is computed, and tracking goes on", async ({ page }) => {
  const wanted = expected();
  await start(page);
  await clickAll(page, wanted);
  await run(page, false, 5);
  const frames = Array.from({ length: 6 }, (_, i) => wanted.clicked + i);
  const before = { masks: await masks(page, frames), strips: await strips(page) };
  await openHarness(page, "demo.mp4");
  await page.evaluate(() => window.studio.segmenter.openClip("clip", window.studio.file("demo.mp4")));
  expect({ masks: await masks(page, frames), strips: await strips(page) }).toEqual(before);
  expect(await encodes(page)).toBe(0);
  await page.evaluate(() => window.studio.segmenter.loadModel("nano", "wasm"));
  const onward = await run(page, false, 2);
  expect(onward.frames).toBe(2);
  const found = await masks(page, [wanted.clicked + 7]);
  const at = wanted.clicked + 7;
  const part = { ...wanted, frames: wanted.frames.filter(({ frame }) => frame === at) };
  expect(Math.min(...overlaps(found, part))).toBeGreaterThan(0.97); // memories are made anew from half precision
});

test("a second tab on the same clip is told so", async ({ page, context }) => {
  await start(page);
  const other = await context.newPage();
  await openHarness(other, "demo.mp4");
  const opening = () =>
    other.evaluate(() =>
      window.studio.segmenter.openClip("clip", window.studio.file("demo.mp4")).then(
        () => "",
        (error: { code: string }) => error.code,
      ),
    );
  expect(await opening()).toBe("storage.locked");
  await page.evaluate(() => window.studio.segmenter.closeClip("clip"));
  expect(await opening()).toBe("");
});

test("results of clips that are in no project are removed, those of others stay", async ({ page }) => {
  await start(page, "still.png");
  const { still } = expected();
  await click(page, { object: 1, frame: 0, points: still.points.slice(0, 1) });
  const left = await page.evaluate(async () => {
    const { segmenter, file } = window.studio;
    const found: number[] = [];
    for (const kept of [["clip"], ["other"]]) {
      await segmenter.closeClip("clip");
      await segmenter.keepResults(kept);
      await segmenter.openClip("clip", file("still.png"));
      found.push((await segmenter.strips("clip")).length);
    }
    return found;
  });
  expect(left).toEqual([1, 0]);
});

test("the prominent object of a frame is a thing of some size, and the click that gave it lies on it", async ({
  page,
}) => {
  const wanted = expected();
  await start(page);
  const { prompt, counts } = await page.evaluate(async (frame) => {
    const { prompt, rle } = await window.studio.segmenter.autoDetect("clip", frame);
    return { prompt, counts: window.studio.plain(rle) };
  }, wanted.clicked);
  const rle = { size: wanted.size, counts: countsToRuns(counts) };
  const [{ x, y } = { x: -1, y: -1 }] = prompt.points;
  const share = area(rle) / (wanted.size[0] * wanted.size[1]);
  expect(share).toBeGreaterThan(0.005);
  expect(share).toBeLessThan(0.5);
  expect(decodeMask(rle)[Math.floor(y) * wanted.size[1] + Math.floor(x)]).toBe(1);
});

for (const [name, kind] of [
  ["still.png", "photo"],
  ["still.zip", "bundle"],
] as const) {
  test(`a ${kind} is clicked as in Python`, async ({ page }) => {
    const { size, still } = expected();
    await start(page, name);
    const found: (string | undefined)[] = [];
    for (let n = 1; n <= still.points.length; n++) {
      found.push((await click(page, { object: 1, frame: 0, points: still.points.slice(0, n) }))?.counts);
    }
    const rle = (counts: string) => ({ size, counts: countsToRuns(counts) });
    still[kind].forEach((counts, i) => {
      expect(iou(rle(found[i] ?? ""), rle(counts))).toBeGreaterThan(0.995);
    });
  });
}

test("a photo larger than 4K is clicked in its own pixels, and its mask is of its own size", async ({
  page,
}) => {
  const { size, still } = expected();
  await start(page, "large.jpg");
  const found = await click(page, { object: 1, frame: 0, points: still.large });
  const large = { size: [size[0] * 10, size[1] * 10] as const, counts: countsToRuns(found?.counts ?? "") };
  const small = { size, counts: countsToRuns(still.photo[0] ?? "") };
  const edges = (box: readonly number[] | null, scale: number) => box?.map((edge) => edge * scale) ?? [];
  edges(bbox(large), 0.1).forEach((edge, i) => {
    expect(Math.abs(edge - (edges(bbox(small), 1)[i] ?? Number.NaN))).toBeLessThan(4);
  });
});

test("taking the last prompt back takes the object's masks with it", async ({ page }) => {
  const wanted = expected();
  await start(page);
  await clickAll(page, wanted);
  await run(page, false, 2);
  const strip = await page.evaluate(async (frame) => {
    const { presence, prompted } = await window.studio.segmenter.removePrompt("clip", 1, frame);
    return { masks: presence.filter((v) => !Number.isNaN(v)).length, prompted };
  }, wanted.clicked);
  expect(strip).toEqual({ masks: 0, prompted: [] });
  expect((await strips(page)).map(({ object }) => object)).toEqual([2]);
});

test("without a model, and without a prompt, the answer says what to do", async ({ page }) => {
  await openHarness(page, "demo.mp4");
  await page.evaluate(() => window.studio.segmenter.openClip("clip", window.studio.file("demo.mp4")));
  const failing = (what: Promise<unknown>) =>
    what.then(
      () => "",
      (error: Error) => error.message,
    );
  expect(await failing(click(page, { object: 1, frame: 0, points: [[5, 5, 1]] }))).toContain(
    "load one first",
  );
  await page.evaluate(() => window.studio.segmenter.loadModel("nano", "wasm"));
  expect(await failing(run(page, false))).toContain("click an object on some frame first");
  expect(await failing(click(page, { object: 1, frame: 0, points: [[9999, 5, 1]] }))).toContain(
    "outside the frame",
  );
});

/** What is taken away, looked at with Python and FFmpeg. */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, type Page, type TestInfo, test } from "@playwright/test";
import { countsToRuns } from "@/core/counts";
import { area, encodeMask, iou, union } from "@/core/rle";
import type { Rle } from "@/core/types";
import type { PlainMasks } from "../harness/segmenter";
import { clipPath, expected, factsOf, type Kind, makeClips, openHarness } from "./clips";

const RANGE = [6, 11] as const; // half-open

test.describe.configure({ timeout: 180_000 });
test.beforeAll(makeClips);

/** Two objects, tracked over a few frames. */
async function start(page: Page): Promise<PlainMasks[]> {
  const { clicks, clicked } = expected();
  await openHarness(page, "demo.mp4", "numbered.mp4", "photo.jpg");
  return page.evaluate(
    async ([clicks, clicked]) => {
      const { studio } = window;
      await studio.segmenter.loadModel("nano", "wasm");
      await studio.segmenter.openClip("clip", studio.file("demo.mp4"));
      for (const { object, x, y } of clicks) {
        const prompt = { points: [{ x, y }], labels: [1 as const], box: null, mask: null };
        await studio.segmenter.prompt("clip", object, clicked, prompt);
      }
      await studio.segmenter.run({ clip: "clip", start: null, reverse: false, maxFrames: 2 });
      await studio.segmenter.run({ clip: "clip", start: null, reverse: true, maxFrames: 2 });
      return studio.masks("clip", [6, 7, 8, 9, 10]);
    },
    [clicks, clicked] as const,
  );
}

const take = (page: Page, format: string, options: Parameters<Window["studio"]["takeAway"]>[2]) =>
  page.evaluate(([format, options]) => window.studio.takeAway("clip", format, options), [
    format,
    options,
  ] as const);

function look<T>(info: TestInfo, kind: Kind, base64: string, name: string): T {
  const path = info.outputPath(name);
  writeFileSync(path, Buffer.from(base64, "base64"));
  return factsOf<T>(kind, path);
}

const rleOf = (counts: string): Rle => ({ size: expected().size, counts: countsToRuns(counts) });
const joined = (masks: PlainMasks): Rle =>
  Object.values(masks).reduce((all, { counts }) => union(all, rleOf(counts)), NOTHING());
const NOTHING = () => encodeMask([], { width: expected().size[1], height: expected().size[0] });

interface Pngs {
  readonly damaged: string | null;
  readonly modes: string[];
  readonly masks: Record<string, string>;
  readonly levels: number;
}

test("PNG sequences, cut-outs and both JSONs hold the masks exactly", async ({ page }, info) => {
  const masks = await start(page);
  const together = look<Pngs>(info, "png", await take(page, "png", { range: [...RANGE] }), "together.zip");
  expect([together.damaged, together.modes, together.levels]).toEqual([null, ["L"], 2]);
  const names = [6, 7, 8, 9, 10].map((t) => `${String(t).padStart(6, "0")}.png`);
  expect(Object.keys(together.masks)).toEqual(names);
  names.forEach((name, i) => {
    expect(iou(rleOf(together.masks[name] as string), joined(masks[i] as PlainMasks))).toBe(1);
  });

  const one = look<Pngs>(
    info,
    "png",
    await take(page, "png", { range: [...RANGE], objects: [2] }),
    "one.zip",
  );
  expect(Object.keys(one.masks)).toEqual(names.map((name) => `2/${name}`));
  expect(Object.values(one.masks)).toEqual(masks.map((each) => each[2]?.counts));

  const soft = { range: [...RANGE] as [number, number], feather: 8, invert: true };
  const cutout = look<Pngs>(info, "png", await take(page, "cutout", soft), "cutout.zip");
  expect(cutout.modes).toEqual(["RGBA"]);
  expect(cutout.levels).toBeGreaterThan(30);
  const outside = rleOf(cutout.masks[names[2] as string] as string);
  expect(iou(union(outside, joined(masks[2] as PlainMasks)), outside)).toBeGreaterThan(0.8);

  const json = async (format: string) =>
    JSON.parse(Buffer.from(await take(page, format, { range: [...RANGE] }), "base64").toString("utf-8"));
  const codes = await json("rle_json");
  expect([codes.format, codes.version, codes.source.name]).toEqual(["splitmask.rle", 1, "demo.mp4"]);
  expect(codes.frames.map((frame: { index: number }) => frame.index)).toEqual([6, 7, 8, 9, 10]);
  const [first] = codes.frames[2].objects;
  expect(first.rle).toEqual({ size: expected().size, counts: masks[2]?.[1]?.counts });
  expect(first.area).toBe(area(rleOf(first.rle.counts)));
  const coco = await json("coco_rle");
  expect(coco.images.length).toBe(5);
  expect(coco.categories).toEqual([
    { id: 1, name: "ball" },
    { id: 2, name: "balloon" },
  ]);
  expect(coco.annotations[0].segmentation.counts).toBe(masks[0]?.[1]?.counts);
});

test("WebM has the mask as its alpha, read back with libvpx", async ({ page }, info) => {
  const masks = await start(page);
  const base64 = await take(page, "webm", { range: [...RANGE] });
  const found = look<{ format: string; size: number[]; masks: string[]; times: number[] }>(
    info,
    "webm",
    base64,
    "alpha.webm",
  );
  expect([found.format, found.size]).toEqual(["yuva420p", [...expected().size]]);
  expect(found.times.map((time) => Math.round(time * 24))).toEqual([0, 1, 2, 3, 4]);
  const overlaps = found.masks.map((counts, i) => iou(rleOf(counts), joined(masks[i] as PlainMasks)));
  console.log("alpha of WebM, overlap:", overlaps.map((each) => each.toFixed(3)).join(" "));
  expect(Math.min(...overlaps)).toBeGreaterThan(0.95);
});

interface Mp4 {
  readonly codec: string;
  readonly frames: number;
  readonly shares: number[];
  readonly sound: string[];
}

test("MP4 shows the object on black, or the mask itself", async ({ page }, info) => {
  const masks = await start(page);
  const masked = look<Mp4>(info, "mp4", await take(page, "mp4", { range: [...RANGE] }), "masked.mp4");
  expect([masked.codec, masked.frames]).toEqual(["h264", 5]);
  const matte = look<Mp4>(info, "mp4", await take(page, "matte", { range: [...RANGE] }), "matte.mp4");
  matte.shares.forEach((share, i) => {
    const inside = area(joined(masks[i] as PlainMasks)) / (480 * 270);
    expect(share).toBeGreaterThan(inside * 0.9);
    expect(share).toBeLessThan(inside * 1.2);
    expect(masked.shares[i]).toBeLessThan(share * 1.05);
    expect(masked.shares[i]).toBeGreaterThan(inside * 0.6);
  });
});

test("sound passes through", async ({ page }, info) => {
  await openHarness(page, "numbered.mp4");
  await page.evaluate(() => window.studio.segmenter.openClip("clip", window.studio.file("numbered.mp4")));
  const whole = look<Mp4>(info, "mp4", await take(page, "mp4", { invert: true }), "sound.mp4");
  expect([whole.frames, whole.sound]).toEqual([40, ["aac"]]);
});

test("an export can be cancelled, and what there is none of is said in words", async ({ page }) => {
  await openHarness(page, "numbered.mp4", "photo.jpg");
  const codes = await page.evaluate(async () => {
    const { segmenter, file } = window.studio;
    const request = {
      clip: "clip",
      objects: [],
      range: [0, 40] as const,
      feather: 0,
      invert: true,
      labels: [],
    };
    await segmenter.openClip("clip", file("numbered.mp4"));
    const fault = (what: Promise<unknown>) =>
      what.then(
        () => "",
        (error: { code: string }) => error.code,
      );
    const nothing = () => {};
    const writing = fault(
      segmenter.takeAway({ ...request, format: "cutout" }, window.studio.proxied(nothing)),
    );
    await segmenter.cancelTakeAway("clip");
    const unknown = await fault(
      segmenter.takeAway({ ...request, format: "gif" }, window.studio.proxied(nothing)),
    );
    await segmenter.openClip("clip", file("photo.jpg"));
    const still = await fault(
      segmenter.takeAway({ ...request, format: "webm" }, window.studio.proxied(nothing)),
    );
    return [await writing, unknown, still];
  });
  expect(codes).toEqual(["cancelled", "prompt", "prompt"]);
});

test("result.json loads in Python, and what Python writes comes back", async ({ page }, info) => {
  const masks = await start(page);
  const json = await page.evaluate(() =>
    window.studio.segmenter.exportResult("clip", [{ object: 1, name: "ball", color: "#12ab34" }]),
  );
  const base64 = Buffer.from(json).toString("base64");
  const loaded = look<{
    frames: number;
    objects: unknown;
    prompts: number;
    complete: boolean;
    again: unknown;
  }>(info, "result", base64, "result.json");
  expect(loaded).toMatchObject({ frames: 5, prompts: 2, complete: false });
  expect(loaded.objects).toEqual([
    [1, "ball", "#12ab34"],
    [2, "object 2", "#ff3b6b"],
  ]);
  const back = await page.evaluate(async (text) => {
    const { studio } = window;
    await studio.segmenter.clear("clip");
    const empty = await studio.masks("clip", [8]);
    const strips = await studio.segmenter.importResult("clip", text);
    return {
      empty,
      strips: strips.map(({ object, prompted }) => ({ object, prompted })),
      masks: await studio.masks("clip", [6, 7, 8, 9, 10]),
    };
  }, JSON.stringify(loaded.again));
  expect(back.empty).toEqual([{}]);
  expect(back.strips).toEqual([
    { object: 1, prompted: [8] },
    { object: 2, prompted: [8] },
  ]);
  back.masks.forEach((each, i) => {
    expect(Object.values(each).map(({ counts }) => counts)).toEqual(
      Object.values(masks[i] as PlainMasks).map(({ counts }) => counts),
    );
  });
  const wrong = await page.evaluate(async (path) => {
    const fault = (text: string) =>
      window.studio.segmenter.importResult("clip", text).then(
        () => "",
        (error: Error) => error.message,
      );
    return [await fault("no"), await fault('{"format":"splitmask.result","version":1}'), path];
  }, clipPath("demo.mp4"));
  const whole = createHash("sha256")
    .update(readFileSync(clipPath("demo.mp4")))
    .digest("hex");
  expect(JSON.parse(json).source.sha256).toBe(whole); // as Python has it
  expect(wrong[0]).toContain("not JSON");
  expect(wrong[1]).toContain("source");
});

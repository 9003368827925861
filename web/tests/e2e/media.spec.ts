/** Clips and photos in a real browser: every frame is the one that its number says, upright, in its colours. */

import { expect, type Page, test } from "@playwright/test";
import { expected, makeClips, openHarness } from "./clips";

test.beforeAll(makeClips);

/** What openClip says of a file, or the fault that it gives. */
function open(page: Page, name: string) {
  return page.evaluate(async (name) => {
    const { studio } = window;
    try {
      const info = await studio.segmenter.openClip("clip", studio.file(name));
      return { info: { ...info, timestamps: [...info.timestamps] }, fault: null };
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return { info: null, fault: { code, message } };
    }
  }, name);
}

test("a clip says what it is", async ({ page }) => {
  await openHarness(page, "numbered.mp4");
  const { info } = await open(page, "numbered.mp4");
  expect(info).toMatchObject({ kind: "video", width: 96, height: 64, frames: 40, codec: "H.264" });
  expect(info).toMatchObject({ hasAudio: true, variableRate: false, rotation: 0 });
  expect(info?.duration).toBeCloseTo(1.6, 6);
  expect(info?.timestamps.every((time, i) => Math.abs(time - i / 25) < 1e-9)).toBe(true);
  expect(info?.sha256).toMatch(/^[0-9a-f]{64}$/);
});

test("variable rate: the times are those of the file", async ({ page }) => {
  await openHarness(page, "variable.webm");
  const { info } = await open(page, "variable.webm");
  const times = [0, 40, 80, 200, 230, 300, 420, 460, 500, 900].map((ms) => ms / 1000);
  expect(info).toMatchObject({ codec: "VP9", variableRate: true, frames: 10 });
  expect(info?.timestamps.map((time) => Math.round(time * 1000) / 1000)).toEqual(times);
});

for (const [name, frames] of [
  ["numbered.mp4", 40],
  ["variable.webm", 10],
] as const) {
  test(`${name}: any frame, in any order, is the one asked for`, async ({ page }) => {
    await openHarness(page, name);
    const order = [...Array(frames).keys()];
    const shuffled = [...order.map((i) => (i * 7 + 3) % frames), ...order, ...order.toReversed()];
    const found = await page.evaluate(
      async ([name, shuffled]) => {
        const { studio } = window;
        const source = await studio.FrameSource.open(studio.file(name));
        const numbers: number[] = [];
        for (const index of shuffled) {
          const picture = await source.frameAt(index);
          if (picture === null) throw new Error("overtaken");
          numbers.push(studio.numberIn(studio.pixels(picture, 96, 64), (x, y) => y * 96 + x));
        }
        await source.close();
        return numbers;
      },
      [name, shuffled] as const,
    );
    expect(found).toEqual(shuffled);
  });
}

test("a rotated clip is upright, for the page and for the engine", async ({ page }) => {
  await openHarness(page, "rotated.mp4");
  const { info } = await open(page, "rotated.mp4");
  expect(info).toMatchObject({ width: 64, height: 96, frames: 14 });
  const numbers = await page.evaluate(async (rotation) => {
    const { studio } = window;
    const source = await studio.FrameSource.open(studio.file("rotated.mp4"));
    // where the stored pixel (x, y) of 96×64 is seen
    const seen = (x: number, y: number) => (rotation === 90 ? x * 64 + (63 - y) : (95 - x) * 64 + y);
    const numbers: number[] = [];
    for (let index = 0; index < 14; index++) {
      const picture = await source.frameAt(index);
      if (picture === null) throw new Error("overtaken");
      numbers.push(studio.numberIn(studio.pixels(picture, source.width, source.height), seen));
    }
    return numbers;
  }, info?.rotation);
  expect(numbers).toEqual([...Array(14).keys()]);
});

test("newer requests overtake older ones while scrubbing", async ({ page }) => {
  await openHarness(page, "numbered.mp4");
  const given = await page.evaluate(async () => {
    const { studio } = window;
    const source = await studio.FrameSource.open(studio.file("numbered.mp4"));
    const pictures = await Promise.all([5, 20, 30, 12].map((index) => source.frameAt(index)));
    return pictures.map((picture) => picture !== null);
  });
  expect(given).toEqual([false, false, false, true]);
});

test("playing gives the frames in order, in the time that they take, and stops", async ({ page }) => {
  await openHarness(page, "numbered.mp4");
  const { shown, seconds } = await page.evaluate(async () => {
    const { studio } = window;
    const source = await studio.FrameSource.open(studio.file("numbered.mp4"));
    const shown: number[] = [];
    let begin = 0;
    const show = (index: number, picture: ImageBitmap | VideoFrame) => {
      begin ||= performance.now();
      shown.push(index);
      picture.close();
    };
    await source.play(5, show, { until: 25 }).ended;
    return { shown, seconds: (performance.now() - begin) / 1000 };
  });
  expect(shown[0]).toBe(5);
  expect(shown.at(-1)).toBe(24);
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => a - b));
  expect(seconds).toBeGreaterThan(0.7);
  expect(seconds).toBeLessThan(1.6);
});

test("thumbnails are of the frames asked for, as high as asked for", async ({ page }) => {
  await openHarness(page, "numbered.mp4");
  await open(page, "numbered.mp4");
  const found = await page.evaluate(async () => {
    const { studio } = window;
    const bitmaps = await studio.segmenter.thumbnails("clip", [33, 2, 33], 64);
    return bitmaps.map((each) => [
      each.width,
      each.height,
      studio.numberIn(studio.pixels(each, 96, 64), (x, y) => y * 96 + x),
    ]);
  });
  expect(found).toEqual([
    [96, 64, 33],
    [96, 64, 2],
    [96, 64, 33],
  ]);
});

test("colours are Python's to within rounding", async ({ page }) => {
  await openHarness(page, "colours.mp4");
  const found = await page.evaluate(async () => {
    const { studio } = window;
    await studio.segmenter.openClip("clip", studio.file("colours.mp4"));
    const text = atob(await studio.takeAway("clip", "cutout", { invert: true }));
    const zip = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const start = zip.findIndex((_, i) => zip[i] === 0x89 && zip[i + 1] === 0x50 && zip[i + 2] === 0x4e);
    const picture = await createImageBitmap(new Blob([zip.subarray(start)], { type: "image/png" }));
    const data = studio.pixels(picture, 256, 256);
    return Array.from({ length: 64 }, (_, i) => {
      const at = ((16 + 32 * Math.floor(i / 8)) * 256 + 16 + 32 * (i % 8)) * 4;
      return [data[at], data[at + 1], data[at + 2]] as number[];
    });
  });
  const off = expected().patches.flatMap((patch, i) =>
    patch.map((v, c) => Math.abs(v - (found[i]?.[c] ?? 999))),
  );
  test.info().annotations.push({ type: "largest difference of colours", description: `${Math.max(...off)}` });
  expect(Math.max(...off)).toBeLessThanOrEqual(3);
});

test("a photo is upright by its EXIF", async ({ page }) => {
  await openHarness(page, "photo.jpg");
  const { info } = await open(page, "photo.jpg");
  expect(info).toMatchObject({ kind: "image", width: 60, height: 120, frames: 1, codec: "" });
});

for (const [name, code, message] of [
  ["mpeg4.mp4", "media.unsupported", /mpeg4\.mp4 .*cannot decode|no video that this browser reads/],
  ["empty.mp4", "media.broken", /^empty\.mp4 is empty/],
  ["cut.mp4", "media.broken", /cut\.mp4/],
  ["words.mp4", "media.unsupported", /words\.mp4 is no video/],
  ["broken.png", "media.unsupported", /broken\.png/],
  ["wide.png", "media.too-large", /wide\.png is 17000×4.*scale it down/],
] as const) {
  test(`${name} is refused in one clear line`, async ({ page }) => {
    await openHarness(page, name);
    const { fault } = await open(page, name);
    expect(fault?.code).toBe(code);
    expect(fault?.message).toMatch(message);
    expect(fault?.message).not.toContain("\n");
  });
}

test("without WebCodecs the message offers another way", async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(window, "VideoDecoder"));
  await openHarness(page, "numbered.mp4");
  const message = await page.evaluate(async () => {
    const { studio } = window;
    return studio.FrameSource.open(studio.file("numbered.mp4")).then(
      () => "",
      (error: Error) => error.message,
    );
  });
  expect(message).toMatch(/no WebCodecs.*splitmask track/);
});

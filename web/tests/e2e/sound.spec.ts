/** What is heard while a clip plays: in step with the picture, not while scrubbing, not when muted. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { expect, type Page, test } from "@playwright/test";
import { clipPath, PYTHON, python } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use(PLAIN);
test.describe.configure({ timeout: 4 * PATIENCE });

const CLIP = clipPath("sound.mp4");

/** Three seconds at 25 frames a second; a tone in the second one. */
function makeClip(): void {
  const script = `
import sys, av, numpy as np
with av.open(sys.argv[1], "w") as out:
    video, sound = out.add_stream("libx264", rate=25), out.add_stream("aac", rate=48000)
    video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
    sound.layout = "mono"
    for i in range(75):
        image = np.full((96, 160, 3), 60 + 2 * i, np.uint8)
        out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    out.mux(video.encode(None))
    t = np.arange(3 * 48000) / 48000
    wave = (0.5 * np.sin(2 * np.pi * 440 * t) * ((t >= 1) & (t < 2))).astype(np.float32)
    for at in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, at
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))
`;
  mkdirSync(clipPath("."), { recursive: true });
  if (!existsSync(CLIP)) execFileSync(PYTHON, ["-W", "ignore", "-c", script, CLIP], python());
}

declare global {
  interface Window {
    level: () => number; // of what goes to the loudspeakers, 0…1
    heard: [frame: number, level: number][];
  }
}

/** Listens in on all that goes to the loudspeakers. */
function listenIn(): void {
  const taps: AnalyserNode[] = [];
  const connect: (this: AudioNode, to: AudioNode) => AudioNode = AudioNode.prototype.connect;
  function tapped(this: AudioNode, to: AudioNode): AudioNode {
    if (to === this.context.destination) {
      const tap = this.context.createAnalyser();
      connect.call(this, tap);
      taps.push(tap);
    }
    return connect.call(this, to);
  }
  Object.assign(AudioNode.prototype, { connect: tapped });
  window.level = () => {
    const wave = new Float32Array(2048);
    let most = 0;
    for (const tap of taps) {
      tap.getFloatTimeDomainData(wave);
      most = Math.max(most, ...wave.map(Math.abs));
    }
    return most;
  };
}

/** Plays from the beginning to the end; how loud it was at each frame. */
async function listen(page: Page): Promise<[frame: number, level: number][]> {
  await page.keyboard.press("Home");
  await page.evaluate(() => {
    window.heard = [];
    const look = () => {
      const frame = Number(document.querySelector("[data-frame]")?.getAttribute("data-frame"));
      window.heard.push([frame, window.level()]);
      if (frame < 74) setTimeout(look, 15);
    };
    look();
  });
  await page.keyboard.press("Space");
  await expect(page.locator("[data-frame]")).toHaveAttribute("data-frame", "74", { timeout: PATIENCE });
  return page.evaluate(() => window.heard);
}

test("a clip is heard in step with its pictures, can be muted, and is silent while scrubbing", async ({
  page,
}) => {
  makeClip();
  await page.addInitScript(listenIn);
  const studio = new StudioPage(page);
  await studio.open(CLIP, { width: 160, height: 96 });
  const heard = await listen(page);
  const loud = heard.filter(([, level]) => level > 0.2).map(([frame]) => frame);
  expect(loud.length).toBeGreaterThan(5);
  // 40 ms a frame: within a quarter of a second even on a machine at work
  expect(Math.min(...loud)).toBeGreaterThan(18);
  expect(Math.min(...loud)).toBeLessThan(32);
  expect(Math.max(...loud)).toBeGreaterThan(43);
  expect(Math.max(...loud)).toBeLessThan(57);

  await page.getByRole("button", { name: "Sound off" }).click();
  expect((await listen(page)).every(([, level]) => level === 0)).toBe(true);
  await page.keyboard.press("m");
  await expect(page.getByRole("button", { name: "Sound off" })).toBeVisible();

  await studio.seek(30);
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press(".");
    expect(await page.evaluate(() => window.level())).toBe(0);
  }
  await page.keyboard.press("Space");
  await expect.poll(() => page.evaluate(() => window.level()), { timeout: PATIENCE }).toBeGreaterThan(0.2);
  await page.keyboard.press("Space");
  await expect.poll(() => page.evaluate(() => window.level()), { timeout: PATIENCE }).toBe(0);
});

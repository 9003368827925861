/** The studio as a person drives it: files through its dialog, clicks on its stage, keys. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { type Download, expect, type Page } from "@playwright/test";
import { clipPath, expected, PYTHON, python } from "./clips";

const SHOTS = fileURLToPath(new URL("../../test-shots", import.meta.url));
/** A machine at work on other things is slow; what is measured is measured in the bench. */
export const PATIENCE = 60_000;

/** A browser without WebGPU, as most machines that run tests are: its software adapter only takes time. */
export const PLAIN = {
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  },
};

export class StudioPage {
  readonly page: Page;
  private size: { readonly width: number; readonly height: number };

  /** size: of the frames, for where their pixels are on the page. */
  constructor(page: Page, size = { width: 480, height: 270 }) {
    this.page = page;
    this.size = size;
  }

  get stage() {
    return this.page.locator("[data-scope=stage]");
  }

  async open(path: string, size = this.size): Promise<void> {
    await this.page.goto("./");
    await this.choose(path);
    this.size = size;
    await this.ready();
  }

  /** Through the browser's dialog. */
  /** The page is painted, and hears keys. */
  private async begun(): Promise<void> {
    await expect(this.page.getByRole("heading", { name: "splitmask" })).toBeVisible({ timeout: PATIENCE });
  }

  async choose(path: string): Promise<void> {
    await this.begun();
    const asked = this.page.waitForEvent("filechooser", { timeout: PATIENCE });
    await this.page.keyboard.press("Control+o");
    await (await asked).setFiles(path);
  }

  /** The picture is there and the model can be asked. */
  async ready(): Promise<void> {
    await expect(this.stage).toHaveAttribute("data-renderer", /./, { timeout: PATIENCE });
    await expect(this.page.locator("[data-model]").first()).toHaveAttribute("data-model", "ready", {
      timeout: PATIENCE,
    });
    await expect.poll(() => this.isPainted(), { timeout: PATIENCE }).toBe(true);
  }

  /** Where a pixel of the frame is on the page, while the frame fits. */
  async at(x: number, y: number): Promise<{ x: number; y: number }> {
    const box = await this.stage.boundingBox();
    if (box === null) throw new Error("there is no stage");
    const margin = Math.min(16, box.width / 20);
    const { width, height } = this.size;
    const scale = Math.min((box.width - 2 * margin) / width, (box.height - 2 * margin) / height, 8);
    return {
      x: box.x + box.width / 2 + (x - width / 2) * scale,
      y: box.y + box.height / 2 + (y - height / 2) * scale,
    };
  }

  async click(x: number, y: number, button: "left" | "right" = "left"): Promise<void> {
    const { x: left, y: top } = await this.at(x, y);
    await this.page.mouse.click(left, top, { button });
  }

  /** [r, g, b] of what is shown at a pixel of the frame. */
  async color(x: number, y: number): Promise<readonly [number, number, number]> {
    const { x: left, y: top } = await this.at(x, y);
    const clip = { x: Math.round(left) - 1, y: Math.round(top) - 1, width: 3, height: 3 };
    const png = await this.page.screenshot({ clip });
    const pixel = await this.page.evaluate(async (data) => {
      const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const context = new OffscreenCanvas(3, 3).getContext("2d");
      context?.drawImage(bitmap, 0, 0);
      return [...(context?.getImageData(1, 1, 1, 1).data ?? [])];
    }, png.toString("base64"));
    return [pixel[0] ?? 0, pixel[1] ?? 0, pixel[2] ?? 0];
  }

  private async isPainted(): Promise<boolean> {
    const [r, g, b] = await this.color(this.size.width / 2, 12);
    return r + g + b > 90;
  }

  async seek(frame: number): Promise<void> {
    await this.page.keyboard.press("Home");
    for (let i = 0; i < frame; i++) await this.page.keyboard.press(".");
    await expect(this.page.locator("[data-frame]")).toHaveAttribute("data-frame", String(frame));
  }

  /** What the strip under an object's lane says. */
  strip(object: number): Promise<string | null> {
    return this.page
      .locator(`[data-lane="${object}"] canvas`)
      .getAttribute("aria-label", { timeout: PATIENCE });
  }

  async masked(object: number): Promise<number> {
    return Number(/Masks on (\d+)/.exec((await this.strip(object)) ?? "")?.[1] ?? 0);
  }

  async runsOut(): Promise<void> {
    await expect(this.page.locator("[data-running]")).toHaveCount(0, { timeout: 2 * PATIENCE });
  }

  async command(name: string): Promise<void> {
    await this.begun();
    await this.page.keyboard.press("Control+k");
    await this.page.getByRole("combobox", { name: "Command" }).fill(name);
    await this.page.keyboard.press("Enter");
  }

  async saved(): Promise<void> {
    await expect(this.page.locator("[data-saving]")).toHaveAttribute("data-saving", "saved", {
      timeout: PATIENCE,
    });
  }

  async shot(name: string): Promise<void> {
    mkdirSync(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  async hasNoFaults(): Promise<void> {
    const { violations } = await new AxeBuilder({ page: this.page }).analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(" | ")}`);
    expect(found).toEqual([]);
  }
}

export async function saveTo(download: Promise<Download>, name: string): Promise<string> {
  const path = join(clipPath("."), name);
  await (await download).saveAs(path);
  return path;
}

/** A picture that is encoded already. */
export function makeBundle(): string {
  const path = clipPath(`frame-${expected().weights.slice(0, 12)}.zip`); // of other weights it is refused
  const script = `
import sys, splitmask
from splitmask.bundle import Origin, of_image
from splitmask.media import open_clip
with open_clip(sys.argv[1]) as clip:
    image = clip.frame(8).image
of_image(splitmask.load("nano", engine="ort", threads=1), image, Origin("frame.png", "")).save(sys.argv[2])
`;
  if (!existsSync(path))
    execFileSync(PYTHON, ["-W", "ignore", "-c", script, clipPath("demo.mp4"), path], python());
  return path;
}

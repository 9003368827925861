/** The studio as a person drives it: files through its dialog, clicks on its stage, keys. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { type Download, expect, type Page } from "@playwright/test";
import { encodeMask } from "@/core/rle";
import type { Rle } from "@/core/types";
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
  private readonly patience: number;

  /** size: of the frames, for where their pixels are on the page. patience: milliseconds, with the model. */
  constructor(page: Page, size = { width: 480, height: 270 }, patience = PATIENCE) {
    this.page = page;
    this.size = size;
    this.patience = patience;
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

  /** The page is painted, and hears keys. */
  private async begun(): Promise<void> {
    await expect(this.page.getByRole("heading", { name: "splitmask" })).toBeVisible({ timeout: PATIENCE });
  }

  /** Through the browser's dialog. */
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
      timeout: this.patience,
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

  /** The stage as it is shown, with the pointer away from it. */
  async picture(): Promise<Buffer> {
    await this.page.mouse.move(1, 1);
    return this.page.screenshot();
  }

  /** The pixels of the frame that a picture of the stage shows otherwise than an earlier one. */
  async changed(before: Buffer, after: Buffer): Promise<Rle> {
    const [from, to] = [await this.at(0, 0), await this.at(this.size.width, this.size.height)];
    const cut = { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
    const bits = await this.page.evaluate(
      async ([pictures, cut, size]) => {
        const read = async (data: string) => {
          const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
          const context = new OffscreenCanvas(size.width, size.height).getContext("2d");
          if (context === null) throw new Error("no canvas to read on");
          context.imageSmoothingEnabled = false; // the pixel in the middle of each pixel of the frame
          context.drawImage(bitmap, cut.x, cut.y, cut.width, cut.height, 0, 0, size.width, size.height);
          return context.getImageData(0, 0, size.width, size.height).data;
        };
        const [old, now] = [await read(pictures[0]), await read(pictures[1])];
        const off = (at: number) => Math.abs((old[at] ?? 0) - (now[at] ?? 0));
        return Array.from({ length: size.width * size.height }, (_, i) =>
          Number(off(4 * i) + off(4 * i + 1) + off(4 * i + 2) > 6),
        );
      },
      [[before.toString("base64"), after.toString("base64")], cut, this.size] as const,
    );
    return encodeMask(bits, this.size);
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
      .getAttribute("aria-label", { timeout: this.patience });
  }

  async masked(object: number): Promise<number> {
    return Number(/Masks on (\d+)/.exec((await this.strip(object)) ?? "")?.[1] ?? 0);
  }

  async runsOut(): Promise<void> {
    await expect(this.page.locator("[data-running]")).toHaveCount(0, { timeout: 2 * this.patience });
  }

  async command(name: string): Promise<void> {
    await this.begun();
    await this.page.keyboard.press("Control+k");
    await this.page.getByRole("combobox", { name: "Command" }).fill(name);
    await this.page.keyboard.press("Enter");
  }

  /** What the model is to compute on, chosen from its menu. */
  async computeOn(choice: RegExp): Promise<void> {
    const card = this.page.locator("[data-model]").first();
    await card.getByRole("button").first().click();
    await this.page.getByRole("menuitemradio", { name: choice }).click();
  }

  /** Saves what is taken away in one format, and gives the file's path. */
  async takeAway(format: RegExp, name: string): Promise<string> {
    await this.page.keyboard.press("Control+e");
    const dialog = this.page.getByRole("dialog", { name: "Take away" });
    await dialog.getByRole("radio", { name: format }).check();
    const download = this.page.waitForEvent("download", { timeout: PATIENCE });
    await dialog.getByRole("button", { name: "Save" }).click();
    const path = await saveTo(download, name);
    await this.page.keyboard.press("Escape");
    await expect(dialog).toHaveCount(0);
    return path;
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

/** A random model of a few thousand parameters in nano's place; it sees an object everywhere. nan: a graph that answers NaN. */
export async function serveSmall(page: Page, nan = ""): Promise<void> {
  const folder = clipPath(`seeing-${nan}`);
  const script = fileURLToPath(new URL("../make_seeing.py", import.meta.url));
  const words = ["-W", "ignore", script, folder, ...(nan === "" ? [] : [nan])];
  if (!existsSync(folder)) execFileSync(PYTHON, words, python());
  await page.route("**/models/nano/*", async (route) => {
    const path = join(folder, new URL(route.request().url()).pathname.split("/").at(-1) ?? "");
    await route.fulfill(existsSync(path) ? { path } : { status: 404 });
  });
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

/** Clips for the browser's tests, rendered and tracked by Python once a run. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FOLDER = join(ROOT, "web/test-results/clips");
export const PYTHON = process.env.PYTHON ?? join(ROOT, ".venv/bin/python");

export interface Expected {
  readonly weights: string; // that Python tracked with
  readonly patches: readonly (readonly number[])[];
  readonly size: readonly [height: number, width: number];
  readonly clicked: number;
  readonly clicks: readonly { readonly object: number; readonly x: number; readonly y: number }[];
  readonly frames: readonly {
    readonly frame: number;
    readonly masks: Readonly<Record<string, string>>;
  }[];
  readonly still: {
    readonly points: readonly (readonly [x: number, y: number, label: 0 | 1])[];
    readonly large: readonly (readonly [x: number, y: number, label: 0 | 1])[]; // of the photo, ten times as large
    readonly photo: readonly string[];
    readonly bundle: readonly string[];
  };
}

/** Makes them, unless they are there and of the model that is packaged now. */
export function makeClips(): void {
  const nano = readFileSync(join(ROOT, "src/splitmask/weights/nano/graphs.json"), "utf-8");
  const made = existsSync(join(FOLDER, "expected.json")) ? expected().weights : "";
  if (made !== JSON.parse(nano).weightsSha256) {
    execFileSync(PYTHON, ["-W", "ignore", join(ROOT, "tests/make_web_clips.py"), FOLDER], python());
  }
}

export function python(): { env: NodeJS.ProcessEnv; encoding: "utf-8" } {
  return { env: { ...process.env, PYTHONPATH: join(ROOT, "src") }, encoding: "utf-8" };
}

export function expected(): Expected {
  return JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf-8"));
}

export const clipPath = (name: string): string => join(FOLDER, name);

export type Kind = "png" | "webm" | "mp4" | "result";

/** Facts of a file that was taken away, as `tests/check_web_exports.py` finds them. */
export function factsOf<T>(kind: Kind, path: string): T {
  const script = join(ROOT, "tests/check_web_exports.py");
  return JSON.parse(execFileSync(PYTHON, ["-W", "ignore", script, kind, path], python()));
}

/** The harness, with these files at hand. */
export async function openHarness(page: Page, ...names: string[]): Promise<void> {
  await page.goto("tests/harness/segmenter.html");
  await page.waitForFunction(() => "studio" in window);
  await page.setInputFiles("#files", names.map(clipPath));
}

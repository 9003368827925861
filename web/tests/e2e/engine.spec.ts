/** The engine in a real browser, on both providers, against Python's answers. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import type { Provider } from "@/engine/base";
import { ModelServer } from "../model_server";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TINY = join(ROOT, "fixtures/graphs/test-conv");
const NANO = join(ROOT, "src/splitmask/weights/nano");
const PYTHON = process.env.PYTHON ?? join(ROOT, ".venv/bin/python");

const [FIXED, LARGE] = ["fixed-", "large-"].map((name) => mkdtempSync(join(tmpdir(), name))) as [
  string,
  string,
];

let server: ModelServer;
test.beforeAll(async () => {
  exported(FIXED, "points=5");
  exported(LARGE, "points=5, upscale=2");
  server = await ModelServer.start({ tiny: TINY, fixed: FIXED, large: LARGE });
});
test.afterAll(() => server.stop());

async function harness(page: Page): Promise<void> {
  await page.goto("tests/harness/index.html");
  await page.waitForFunction(() => "harness" in window);
}

function open(page: Page, folder: string, prefer: Provider | null, wrong = false) {
  const url = new URL(folder, page.url()).href;
  return page.evaluate(([f, p, w]) => window.harness.open(f, p, w), [url, prefer, wrong] as const);
}

/** The same numbers in the same places, within a part of the largest of each list. */
function expectClose(found: unknown, stored: unknown, part: number, where = ""): void {
  if (Array.isArray(stored) && typeof stored[0] === "number") {
    const ours = found as number[];
    expect(ours.length, where).toBe(stored.length);
    const largest = Math.max(1e-3, ...stored.map(Math.abs));
    const off = Math.max(...stored.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN))));
    expect(off / largest, where).toBeLessThan(part);
  } else if (typeof stored === "object" && stored !== null) {
    for (const [name, value] of Object.entries(stored)) {
      expectClose((found as Record<string, unknown>)[name], value, part, `${where}.${name}`);
    }
  } else {
    expect(found, where).toBe(stored);
  }
}

const tinyAnswers = () => JSON.parse(readFileSync(join(TINY, "verbs.json"), "utf8"));

/** The small model again, in another form. */
function exported(out: string, form: string): void {
  const script = `
import sys
from onnx_helpers import redrawn
from splitmask.onnx.export import export
from splitmask.onnx.form import Form
from splitmask.presets import TEST_CONV
export(redrawn(TEST_CONV, half=True), sys.argv[1], Form(${form}))
`;
  const PYTHONPATH = `${join(ROOT, "src")}:${join(ROOT, "tests")}`;
  execFileSync(PYTHON, ["-W", "ignore", "-c", script, out], { env: { ...process.env, PYTHONPATH } });
}

const nanoAnswers = () => answersOf(NANO);

function answersOf(folder: string): unknown {
  const out = join(mkdtempSync(join(tmpdir(), "verbs-")), "verbs.json");
  execFileSync(PYTHON, ["-W", "ignore", join(ROOT, "tests/web_answers.py"), folder, out]);
  return JSON.parse(readFileSync(out, "utf8"));
}

test.describe("on WASM", () => {
  test("the four verbs answer as Python's, with threads", async ({ page }) => {
    await harness(page);
    const opened = await open(page, `${server.url}tiny/`, "wasm");
    expect(opened).toMatchObject({ provider: "wasm", fallback: null, encodes: true, tracks: true });
    expect(opened.threads).toBeGreaterThan(1);
    expect(opened.description).toBe(`test-conv · onnxruntime-web 1.30.0 · WASM, ${opened.threads} threads`);
    expectClose(await page.evaluate(() => window.harness.verbs()), tinyAnswers(), 1e-4);
  });

  test("graphs of fixed shapes answer the same, one object after the other", async ({ page }) => {
    await harness(page);
    const opened = await open(page, `${server.url}fixed/`, "wasm");
    expect(opened).toMatchObject({ encodes: true, tracks: true });
    expectClose(await page.evaluate(() => window.harness.verbs()), tinyAnswers(), 1e-3); // sums in another order
  });

  test("masks of twice the size are fed back and remembered", async ({ page }) => {
    await harness(page);
    await open(page, `${server.url}large/`, "wasm");
    expectClose(await page.evaluate(() => window.harness.verbs()), answersOf(LARGE), 1e-3);
  });

  test("the packaged model answers as Python's", async ({ page }) => {
    const answers = nanoAnswers();
    await harness(page);
    await open(page, "/models/nano/", "wasm");
    expectClose(await page.evaluate(() => window.harness.verbs()), answers, 2e-3);
  });

  test("loads the plain runtime and never that of WebGPU", async ({ page }) => {
    const fetched: string[] = [];
    page.on("request", (request) => fetched.push(new URL(request.url()).pathname));
    await harness(page);
    expect(fetched.filter((path) => path.startsWith("/ort/"))).toEqual([]);
    await open(page, `${server.url}tiny/`, "wasm");
    const runtime = fetched.filter((path) => path.endsWith(".wasm"));
    expect(runtime).toEqual(["/ort/1.30.0/ort-wasm-simd-threaded.wasm"]);
  });

  test("a click goes before the next verb of a run", async ({ page }) => {
    await harness(page);
    await open(page, "/models/nano/", "wasm");
    const { click, encode } = await page.evaluate(() => window.harness.overtaking());
    expect(click).toBeLessThan(encode * 0.75);
  });

  test("works on one thread where the page is not isolated, and says so", async ({ page }) => {
    await page.route("**/*", async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      delete headers["cross-origin-opener-policy"];
      delete headers["cross-origin-embedder-policy"];
      await route.fulfill({ response, headers });
    });
    await harness(page);
    const opened = await open(page, `${server.url}tiny/`, "wasm");
    expect(opened.threads).toBe(1);
    expect(opened.description).toContain("1 thread (the page is not cross-origin isolated)");
    expectClose(await page.evaluate(() => window.harness.verbs()), tinyAnswers(), 1e-4);
  });

  test("the runtime's memory does not grow over many steps of tracking", async ({ page }) => {
    await harness(page);
    await open(page, `${server.url}tiny/`, "wasm");
    const steps = (times: number) => page.evaluate((n) => window.harness.timings(320, n), times);
    const bytes = () => page.evaluate(() => window.harness.bytesOfRuntime());
    await steps(5);
    const before = await bytes();
    expect(before).toBeGreaterThan(1e6);
    await steps(300); // of 58 kB of features each, and 230 of picture
    expect(await bytes()).toBe(before);
  });

  test("refuses a provider that computes wrongly when there is no other", async ({ page }) => {
    await harness(page);
    await expect(open(page, `${server.url}tiny/`, "wasm", true)).rejects.toThrow(
      /provider\.failed: it computes wrongly: image_encoder's image_embed/,
    );
  });
});

test.describe("on WebGPU", () => {
  // computed in software here: shaders take long to compile, and longer where other work goes on
  test.describe.configure({ timeout: 240_000 });

  test("the four verbs answer as Python's", async ({ page }) => {
    await harness(page);
    const opened = await open(page, `${server.url}tiny/`, "webgpu");
    expect(opened).toMatchObject({ provider: "webgpu", fallback: null });
    expectClose(await page.evaluate(() => window.harness.verbs()), tinyAnswers(), 1e-3);
    const live = () => page.evaluate(() => window.harness.bytesOnGpu());
    const before = await live();
    for (let i = 0; i < 8; i++) await page.evaluate(() => window.harness.verbs());
    expect(await live(), "what verbs make is freed, or used again").toBeLessThanOrEqual(before);
  });

  test("goes on with WASM when the device is lost in mid-run", async ({ page }) => {
    await harness(page);
    await open(page, `${server.url}tiny/`, "webgpu");
    const run = page.evaluate(async () => {
      const first = await window.harness.verbs();
      return [first, await window.harness.verbs()];
    });
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    await page.evaluate(() => window.harness.lose());
    for (const answers of await run) expectClose(answers, tinyAnswers(), 1e-3);
    const now = await page.evaluate(() => window.harness.describe());
    expect(now.provider).toBe("wasm");
    expect(now.fallback).toBeTruthy();
    expect(await page.evaluate(() => window.harness.fallbacks())).toHaveLength(1);
  });

  test("is not chosen unasked where it is computed in software, and the reason is given", async ({
    page,
  }) => {
    await harness(page);
    const opened = await open(page, `${server.url}tiny/`, null);
    expect(opened.provider).toBe("wasm");
    expect(opened.fallback).toMatch(/software|graphics processor|WebGPU/);
  });

  test("is left for WASM where it computes wrongly, with the reason", async ({ page }) => {
    await harness(page);
    await page.evaluate(() => window.harness.spoil());
    const opened = await open(page, `${server.url}tiny/`, "webgpu");
    expect(opened.provider).toBe("wasm");
    expect(opened.fallback).toMatch(/computes wrongly/);
  });

  test("the packaged model answers as Python's @slow", async ({ page }) => {
    test.setTimeout(600_000);
    const answers = nanoAnswers();
    await harness(page);
    const opened = await open(page, "/models/nano/", "webgpu");
    expect(opened.provider).toBe("webgpu");
    expectClose(await page.evaluate(() => window.harness.verbs()), answers, 1e-2);
  });
});

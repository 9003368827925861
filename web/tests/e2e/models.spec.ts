/** Models in a real browser: downloaded from a server that fails, kept, loaded from there. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import type { ModelState } from "@/models/types";
import { ModelServer } from "../model_server";

const TINY = fileURLToPath(new URL("../../../fixtures/graphs/test-conv", import.meta.url));
const DECODER = "mask_decoder.onnx";
const STALL = 1500;

let server: ModelServer;
test.beforeEach(async () => {
  server = await ModelServer.start({ tiny: TINY, bundled: TINY });
});
test.afterEach(() => server.stop());

async function openStore(page: Page): Promise<void> {
  await page.goto("tests/harness/index.html");
  await page.waitForFunction(() => "harness" in window);
  await page.evaluate(([url, stall]) => window.harness.openStore(url, stall), [
    `${server.url}models.json`,
    STALL,
  ] as const);
}

const load = (page: Page, id = "tiny") => page.evaluate((model) => window.harness.load(model), id);
const states = (page: Page) => page.evaluate(() => window.harness.states());
const entries = (page: Page) => page.evaluate(() => window.harness.entries());
const steps = (list: ModelState[]) =>
  list.map((each) => each.status).filter((status, i, all) => status !== all[i - 1]);

test("absent → downloading → loading → ready, and from storage at the next visit", async ({ page }) => {
  await openStore(page);
  expect(await entries(page)).toMatchObject([{ id: "tiny", stored: false }, { id: "bundled" }]);
  expect(await load(page)).toMatchObject({ provider: "wasm" });
  const told = await states(page);
  expect(steps(told)).toEqual(["downloading", "loading", "ready"]);
  const downloading = told.filter((each) => each.status === "downloading");
  expect(downloading.at(-1)?.loaded).toBe(downloading.at(-1)?.total);
  expect(told.at(-1)).toMatchObject({ id: "tiny", provider: "wasm", fault: null });
  expect(told.at(-1)?.description).toContain("test-conv");
  expect(await entries(page)).toMatchObject([{ id: "tiny", stored: true }, { id: "bundled" }]);

  server.requests.length = 0;
  await openStore(page);
  await load(page);
  expect(steps(await states(page))).toEqual(["loading", "ready"]);
  expect(server.requests.map((each) => each.file)).toEqual(["models.json"]);
});

test("goes on where the connection was cut, in the same visit and in the next", async ({ page }) => {
  server.fail(DECODER, { kind: "cut", after: 50_000 }, { kind: "cut", after: 0 }, { kind: "cut", after: 0 });
  await openStore(page);
  await expect(load(page)).rejects.toThrow(/network: .*connection was cut/);
  expect((await states(page)).at(-1)).toMatchObject({ status: "error", fault: { code: "network" } });

  server.requests.length = 0;
  await openStore(page);
  expect(await entries(page)).toMatchObject([{ stored: false }, {}]);
  await load(page);
  expect(server.of(DECODER)).toMatchObject([{ range: "bytes=50000-", status: 206 }]);
  expect(server.of("image_encoder.onnx")).toEqual([]);
});

test("a stalled download ends with an error that says so; Retry goes on", async ({ page }) => {
  for (let i = 0; i < 3; i++) server.fail(DECODER, { kind: "stall", after: i === 0 ? 30_000 : 0 });
  await openStore(page);
  await expect(load(page)).rejects.toThrow(/nothing came for 2 s/);
  expect(await load(page)).toMatchObject({ provider: "wasm" });
  expect(server.of(DECODER).at(-1)?.range).toBe("bytes=30000-");
});

test("a download can be cancelled and taken up again", async ({ page }) => {
  server.fail(DECODER, { kind: "stall", after: 30_000 });
  await openStore(page);
  const loading = load(page);
  loading.catch(() => undefined);
  await expect.poll(() => server.of(DECODER).length).toBe(1);
  await page.evaluate(() => window.harness.cancel("tiny"));
  await expect(loading).rejects.toThrow(/cancelled/);
  expect((await states(page)).at(-1)).toMatchObject({ status: "absent", fault: null });
  await load(page);
  expect(server.of(DECODER).at(-1)?.range).toBe("bytes=30000-");
});

test("wrong bytes are not kept, and never loaded", async ({ page }) => {
  server.fail(DECODER, { kind: "wrong" }, { kind: "wrong" });
  await openStore(page);
  await expect(load(page)).rejects.toThrow(/model\.corrupt: mask_decoder\.onnx/);
  expect(await entries(page)).toMatchObject([{ stored: false }, {}]);
  expect(await load(page)).toMatchObject({ provider: "wasm" });
});

test("a file damaged in storage is found out, and Retry brings it again", async ({ page }) => {
  await openStore(page);
  await load(page);
  await page.evaluate((file) => window.harness.damage("tiny", file), DECODER);
  await openStore(page);
  await expect(load(page)).rejects.toThrow(/model\.corrupt: mask_decoder\.onnx of tiny is damaged/);
  expect(await load(page)).toMatchObject({ provider: "wasm" });
  expect(server.of(DECODER)).toHaveLength(2);
  expect(server.of("image_encoder.onnx")).toHaveLength(1);
});

test("storage is reported, and a removed model is gone", async ({ page }) => {
  await openStore(page);
  await load(page);
  const report = await page.evaluate(() => window.harness.report());
  expect(report.models).toHaveLength(1);
  expect(report.models[0]?.bytes).toBeGreaterThan(300_000);
  expect(report.quota).toBeGreaterThan(report.usage);
  await page.evaluate(() => window.harness.remove("tiny"));
  expect((await page.evaluate(() => window.harness.report())).models).toEqual([]);
  expect((await states(page)).at(-1)?.status).toBe("absent");
});

test("a full storage is said; the embedded model works all the same", async ({ page, context }) => {
  await openStore(page);
  const session = await context.newCDPSession(page);
  const origin = new URL(page.url()).origin;
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100_000 });
  await expect(load(page)).rejects.toThrow(/storage\.full: this browser's storage is full/);
  expect(await load(page, "bundled")).toMatchObject({ provider: "wasm" });
  await session.send("Storage.overrideQuotaForOrigin", { origin });
});

test("without a network a stored model loads, another one says why it cannot", async ({ page }) => {
  await openStore(page);
  await load(page, "bundled");
  await entries(page);
  await server.stop();
  expect(await load(page, "bundled")).toMatchObject({ provider: "wasm" });
  await expect(load(page, "tiny")).rejects.toThrow(/network: .*cannot be reached/);
  server = await ModelServer.start({});
});

test("two tabs that want one model download it once", async ({ page, context }) => {
  const other = await context.newPage();
  await openStore(page);
  await openStore(other);
  await Promise.all([load(page), load(other)]);
  expect(server.of(DECODER)).toHaveLength(1);
});

function add(page: Page, name: string, files: readonly string[]) {
  const list = files.map((file) => [file, readFileSync(join(TINY, file)).toString("base64")]);
  return page.evaluate(
    async ([model, all]) => {
      const file = async ([title, data]: string[]) =>
        new File([await (await fetch(`data:application/octet-stream;base64,${data}`)).blob()], title ?? "");
      return window.harness.add(model, await Promise.all(all.map(file)));
    },
    [name, list] as const,
  );
}

test("a dropped decoder answers clicks on features, and says what it cannot", async ({ page }) => {
  await openStore(page);
  const entry = await add(page, "mine", ["graphs.json", DECODER]);
  expect(entry).toMatchObject({ id: "folder:mine", stored: true, tracks: false });
  expect(await load(page, "folder:mine")).toMatchObject({ encodes: false, tracks: false });
  const decoded = await page.evaluate(() => window.harness.decodes("folder:mine"));
  expect(decoded).toMatchObject({ objects: 1, side: 16 });
  await openStore(page);
  expect((await entries(page)).at(-1)).toMatchObject({ id: "folder:mine", stored: true });
});

test("a decoder with nothing beside it is understood; another graph is refused", async ({ page }) => {
  await openStore(page);
  expect(await add(page, "bare", [DECODER])).toMatchObject({ stored: true, tracks: false });
  const decoded = await page.evaluate(() => window.harness.decodes("folder:bare"));
  await add(page, "mine", ["graphs.json", DECODER]);
  const described = await page.evaluate(() => window.harness.decodes("folder:mine"));
  expect([...decoded.ious]).toEqual([...described.ious]);
  await expect(add(page, "other", ["memory_encoder.onnx"])).rejects.toThrow(
    /model\.unfit: memory_encoder\.onnx has no ".*": it is not a mask decoder/,
  );
});

/**
 * How fast the engine is here, on WASM with two threads, against the community's route in the same run. Both
 * take turns, so that what else the machine does slows both; ratios count, and medians of them.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { ModelServer } from "../tests/model_server";
import { HERE, median, PYTHON, quantile, type Row, report, row } from "./report";

const COMMUNITY = join(HERE, "models");
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const THREADS = 2;
const WIDTH = 1280; // of the frames, 16:9

test("bench", async ({ page }) => {
  if (!existsSync(join(COMMUNITY, "decoder.onnx"))) {
    execFileSync(PYTHON, ["-W", "ignore", join(HERE, "export_community.py"), COMMUNITY], {
      stdio: "inherit",
    });
  }
  const server = await ModelServer.start({ community: COMMUNITY });
  await page.goto("tests/harness/index.html");
  await page.waitForFunction(() => "harness" in window);
  const nano = new URL("/models/nano/", page.url()).href;
  const opened = await page.evaluate(
    ([folder, threads]) => window.harness.open(folder, "wasm", false, threads),
    [nano, THREADS] as const,
  );
  expect(opened.threads).toBe(THREADS);
  await page.evaluate(([folder, threads]) => window.harness.openCommunity(folder, threads), [
    `${server.url}community/`,
    THREADS,
  ] as const);

  const ours: Record<"encode" | "recall" | "decode" | "remember", number[]> = {
    encode: [],
    recall: [],
    decode: [],
    remember: [],
  };
  const theirs = { encode: [] as number[], decode: [] as number[] };
  const ratios: number[] = [];
  await page.evaluate((width) => window.harness.timings(width, 2), WIDTH); // warm
  for (let round = 0; round < ROUNDS; round++) {
    const mine = await page.evaluate((width) => window.harness.timings(width, 5), WIDTH);
    const other = await page.evaluate(() => window.harness.timeCommunity());
    for (const verb of ["encode", "recall", "decode", "remember"] as const) ours[verb].push(...mine[verb]);
    theirs.encode.push(...other.encode);
    theirs.decode.push(...other.decode);
    ratios.push(median(other.encode) / median(mine.encode));
  }
  const clicks = await page.evaluate((width) => window.clicks(width, 100), WIDTH);
  await server.stop();

  const step = median(ours.encode) + median(ours.recall) + median(ours.decode) + median(ours.remember);
  const ratio = median(ratios);
  const p95 = quantile(clicks, 0.95);
  const rows: Row[] = [
    row("encode, nano", median(ours.encode), "ms"),
    row("encode, SAM 2.1 tiny by samexporter", median(theirs.encode), "ms"),
    row("encode: times as fast", ratio, "×", "≥ 8", ratio >= 8),
    row("decode, nano", median(ours.decode), "ms"),
    row("decode, SAM 2.1 tiny by samexporter", median(theirs.decode), "ms"),
    row("click to painted mask, median", median(clicks), "ms"),
    row("click to painted mask, p95", p95, "ms", "≤ 50", p95 <= 50),
    row("recall, 7 memories and 16 pointers", median(ours.recall), "ms"),
    row("remember", median(ours.remember), "ms"),
    row("tracking, one object", 1000 / step, "frames/s", "≥ 2", 1000 / step >= 2),
  ];
  report("bench", rows, opened.description, await page.evaluate(() => navigator.userAgent));
});

/**
 * The page as a person has it, on WASM with two threads: how soon the first mask is there in a fresh browser, how
 * long a run keeps the page from answering, and what a long run adds to the tab's memory.
 *
 * RUN_FRAMES is how long the run is that the tasks of the page are watched in, at 1080p with `nano`. LONG_MODEL=nano
 * and LONG_FRAMES choose what the long run runs; by default a random model of a few thousand
 * parameters takes the place of `nano`, since what it leaves behind a frame (masks, logits, pictures, messages) is
 * the same and a thousand frames then take a minute or two.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, expect, type Page, test } from "@playwright/test";
import { HERE, median, PYTHON, quantile, report, row } from "./report";

const CLIPS = join(HERE, "out/clips");
const SMALL = join(HERE, "../../fixtures/graphs/test-conv");
const LONG_MODEL = process.env.LONG_MODEL ?? "small";
const LONG_FRAMES = Number(process.env.LONG_FRAMES ?? 1000);
const RUN_FRAMES = Number(process.env.RUN_FRAMES ?? 40);
const VISITS = Number(process.env.ROUNDS ?? 3) + 2;
const MOST_GROWTH = 50; // MB
const PATIENCE = 120_000;

const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"],
};
// without a graphics processor Chromium itself gathers bitmaps of the page's tiles, up to hundreds of MB; with one,
// be it in software, the tab holds what the page holds
const COMPOSITED = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"];

test.use({ launchOptions: LAUNCH });

test.beforeAll(() => {
  const has = existsSync(CLIPS) ? readdirSync(CLIPS) : [];
  if (["short.mp4", "long.mp4", "photo.jpg"].every((name) => has.includes(name))) return;
  const env = { ...process.env, PYTHONPATH: join(HERE, "../../src") };
  execFileSync(PYTHON, ["-W", "ignore", join(HERE, "make_clips.py"), CLIPS], { stdio: "inherit", env });
});

/** A browser that has never been here. */
async function visit(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: test.info().project.use.baseURL ?? "",
    viewport: { width: 1440, height: 900 },
    serviceWorkers: "block",
  });
  await context.addInitScript(() => {
    const tasks: [start: number, length: number][] = [];
    new PerformanceObserver((list) => {
      for (const each of list.getEntries()) tasks.push([each.startTime, each.duration]);
    }).observe({ type: "longtask", buffered: true });
    Object.assign(window, { tasks });
  });
  return context;
}

async function choose(page: Page, name: string): Promise<void> {
  await page.goto("./");
  await expect(page.getByRole("heading", { name: "splitmask" })).toBeVisible({ timeout: PATIENCE });
  for (let asked = null; asked === null; ) {
    const asking = page.waitForEvent("filechooser", { timeout: 1000 }).catch(() => null);
    await page.keyboard.press("Control+o"); // a page that has just been painted may not hear it
    asked = await asking;
    await asked?.setFiles(join(CLIPS, name));
  }
  await page.locator("[data-renderer]").waitFor({ timeout: PATIENCE });
}

/** On the page's clock, which begins with the visit. */
const when = (page: Page, selector: string) =>
  page.evaluate(
    (selector) =>
      new Promise<number>((done) => {
        const look = () =>
          document.querySelector(selector) === null
            ? requestAnimationFrame(look)
            : requestAnimationFrame(() => done(performance.now()));
        look();
      }),
    selector,
  );

async function ready(page: Page): Promise<string> {
  const model = page.locator("[data-model]").first();
  await expect(model).toHaveAttribute("data-model", "ready", { timeout: PATIENCE });
  return (
    (await page
      .getByText(/onnxruntime-web/)
      .first()
      .textContent()) ?? ""
  );
}

async function follow(page: Page): Promise<void> {
  await page.keyboard.press("d"); // an object is found on the frame at hand
  await expect(page.locator("[data-object]")).toHaveCount(1, { timeout: PATIENCE });
  await page.getByRole("button", { name: "To the end" }).click();
  await page.keyboard.press("f");
}

const frame = async (page: Page) => Number(await page.locator("[data-frame]").getAttribute("data-frame"));

test("first mask and a run", async ({ browser }) => {
  test.setTimeout(600_000);
  const firsts: number[] = [];
  for (let i = 0; i < VISITS; i++) {
    const context = await visit(browser);
    const page = await context.newPage();
    await choose(page, "photo.jpg");
    const stage = await page.locator("[data-scope=stage]").boundingBox();
    if (stage === null) throw new Error("there is no stage");
    await page.mouse.click(stage.x + stage.width / 2, stage.y + stage.height / 2);
    firsts.push((await when(page, "[data-answer]")) / 1000);
    await context.close();
  }

  const context = await visit(browser);
  const page = await context.newPage();
  await choose(page, "short.mp4");
  const engine = await ready(page);
  await follow(page);
  await expect.poll(() => frame(page), { timeout: PATIENCE }).toBeGreaterThan(0);
  const from = await page.evaluate(() => performance.now());
  await expect.poll(() => frame(page), { timeout: 2 * PATIENCE }).toBeGreaterThan(RUN_FRAMES - 1);
  const found = await page.evaluate((from) => {
    const { tasks } = window as unknown as { tasks: [number, number][] };
    return { seconds: (performance.now() - from) / 1000, tasks: tasks.filter(([at]) => at >= from) };
  }, from);
  const frames = await frame(page);
  const longest = Math.max(0, ...found.tasks.map(([, length]) => length));
  const agent = await page.evaluate(() => navigator.userAgent);
  await context.close();
  report(
    "page",
    [
      row(`first mask after opening the page, of ${VISITS}`, median(firsts), "s", "≤ 5", median(firsts) <= 5),
      row("the slowest of them", Math.max(...firsts), "s"),
      row("longest task of the page in a run, 1080p", longest, "ms", "≤ 50", longest <= 50),
      row("tasks over 50 ms", found.tasks.length, ""),
      row("frames a second in that run", frames / found.seconds, "frames/s"),
    ],
    engine,
    agent,
  );
});

/** What the tab's processes hold by themselves, in MB: heaps, WebAssembly, pictures. Linux only. */
async function held(pids: readonly number[]): Promise<number> {
  const of = (pid: number) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf-8");
    const kilobytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
    return kilobytes("Pss_Anon") + kilobytes("Pss_Shmem");
  };
  return pids.reduce((sum, pid) => sum + of(pid), 0) / 1024;
}

async function renderers(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

test("a thousand frames", async () => {
  test.setTimeout(3_600_000);
  const browser = await chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, ...COMPOSITED] });
  const context = await visit(browser);
  const page = await context.newPage();
  if (LONG_MODEL !== "nano") {
    await page.route("**/models/nano/*", (route) =>
      route.fulfill({ path: join(SMALL, new URL(route.request().url()).pathname.split("/").at(-1) ?? "") }),
    );
  }
  await choose(page, "long.mp4");
  const engine = await ready(page);
  await follow(page);
  const pids = await renderers(browser);
  const samples: { readonly frame: number; readonly memory: number }[] = [];
  for (let at = 0; at < LONG_FRAMES; ) {
    await page.waitForTimeout(400);
    at = await frame(page);
    samples.push({ frame: at, memory: await held(pids) });
    if ((await page.locator("[data-running]").count()) === 0 && at > 0) break;
  }
  const end = samples.at(-1)?.frame ?? 0;
  const between = (from: number, until: number) =>
    samples.filter((each) => each.frame >= from && each.frame < until).map((each) => each.memory);
  const [early, late] = [between(0.1 * end, 0.25 * end), between(0.85 * end, end + 1)];
  const growth = median(late) - median(early);
  const agent = await page.evaluate(() => navigator.userAgent);
  await browser.close();
  expect(end).toBeGreaterThanOrEqual(LONG_FRAMES);
  report(
    "memory",
    [
      row(`tab, frames ${Math.round(0.1 * end)} to ${Math.round(0.25 * end)}`, median(early), "MB"),
      row(`tab, frames ${Math.round(0.85 * end)} to ${end}`, median(late), "MB"),
      row("the most in between", quantile(between(0.1 * end, end + 1), 1), "MB"),
      row("growth", growth, "MB", `≤ ${MOST_GROWTH}`, growth <= MOST_GROWTH),
    ],
    engine,
    agent,
  );
});

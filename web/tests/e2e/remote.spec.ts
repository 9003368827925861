/** Encoding elsewhere: a real server in Python, the two services as they speak, and what they do wrong. */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { clipPath, expected, makeClips, PYTHON, python } from "./clips";
import { PATIENCE, PLAIN, StudioPage } from "./studio_page";

test.use({ ...PLAIN, colorScheme: "dark" });
test.describe.configure({ timeout: 4 * PATIENCE });

const EXAMPLE = fileURLToPath(new URL("../../../examples/encode_server.py", import.meta.url));
const ORIGIN = `http://localhost:${process.env.PORT ?? 5311}`;
const TOKEN = "tok-93c1f7";
const NAMES = { server: "Own server", replicate: "Replicate", space: "Hugging Face Space" } as const;

let own: ChildProcess;
let encodeUrl = "";
let services: Server;
let base = "";
let seen: { path: string; token: string }[] = [];

test.beforeAll(async () => {
  makeClips();
  const words = ["-W", "ignore", EXAMPLE, "--port", "0", "--token", TOKEN, "--origin", ORIGIN];
  own = spawn(PYTHON, words, { ...python(), stdio: ["ignore", "pipe", "ignore"] });
  encodeUrl = await new Promise<string>((done, fail) => {
    own.stdout?.once("data", (text) => done(String(text).trim()));
    own.once("exit", () => fail(new Error("the server did not start")));
  });
  services = createServer((request, response) => void serve(request, response));
  await new Promise<void>((done) => services.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(services.address() as AddressInfo).port}`;
});
test.afterAll(() => {
  own.kill();
  services.closeAllConnections();
  services.close();
});
test.beforeEach(() => {
  seen = [];
});

/** What a service computes: the picture of a data URL, encoded by the server in Python. */
async function encoded(dataUrl: string): Promise<Buffer> {
  const picture = Buffer.from(dataUrl.replace(/^data:image\/png;base64,/, ""), "base64");
  const form = new FormData();
  form.set("image", new File([picture], "still.png", { type: "image/png" }));
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(encodeUrl, { method: "POST", body: form, headers });
  if (!answer.ok) throw new Error(`the server in Python answers ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

const results = new Map<string, { polls: number; bundle: Promise<Buffer> }>();

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "";
  const headers: Record<string, string> = {
    "Access-Control-Allow-Origin": ORIGIN,
    "Access-Control-Allow-Headers": "authorization, content-type, prefer",
  };
  if (path.startsWith("/fault/nocors")) return void response.writeHead(200).end("PK");
  if (request.method === "OPTIONS") return void response.writeHead(204, headers).end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("utf-8");
  seen.push({ path, token: request.headers.authorization ?? "" });
  const json = (value: unknown, status = 200) =>
    void response
      .writeHead(status, { ...headers, "Content-Type": "application/json" })
      .end(JSON.stringify(value));
  const bytes = (data: Buffer) => void response.writeHead(200, headers).end(data);
  const fault = /^\/fault\/(\w+)/.exec(path)?.[1];
  if (fault !== undefined) return faulty(fault, response, headers);
  if (path === "/v1/models/me/encode/predictions") {
    results.set("p1", { polls: 0, bundle: encoded(JSON.parse(body).input.image) });
    return json({ id: "p1", status: "starting", output: null, error: null, urls: pollAt("p1") }, 201);
  }
  if (path === "/v1/predictions/p1") {
    const found = results.get("p1");
    await found?.bundle;
    const done = found !== undefined && ++found.polls > 1;
    const status = done ? "succeeded" : "processing";
    return json({
      id: "p1",
      status,
      output: done ? `${base}/files/still.zip` : null,
      error: null,
      urls: pollAt("p1"),
    });
  }
  if (path === "/api/predict") {
    results.set("p1", { polls: 0, bundle: encoded(JSON.parse(body).data[0]) });
    // as Gradio 3 names a file of the Space's own
    return json({ data: [{ name: "/tmp/still.zip", data: null, is_file: true, orig_name: "still.zip" }] });
  }
  if (path === "/files/still.zip" || path === "/file=/tmp/still.zip") {
    return bytes((await results.get("p1")?.bundle) ?? Buffer.alloc(0));
  }
  response.writeHead(404, headers).end();
}

const pollAt = (id: string) => ({ get: `https://api.replicate.com/v1/predictions/${id}` });

function faulty(fault: string, response: ServerResponse, headers: Record<string, string>): void {
  if (fault === "cut") {
    response.writeHead(200, { ...headers, "Content-Length": "100000" });
    response.write(readFileSync(clipPath("still.zip")).subarray(0, 5000), () => {
      setTimeout(() => response.destroy(), 200);
    });
  } else if (fault === "short") {
    response.writeHead(200, headers).end(readFileSync(clipPath("still.zip")).subarray(0, 5000));
  } else if (fault === "weights") {
    response.writeHead(200, headers).end(Buffer.from(ofOtherWeights()));
  } else if (fault === "page") {
    response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end("<html>hello</html>");
  } else {
    response.writeHead(Number(fault), headers).end(fault === "500" ? "out of memory" : "");
  }
}

function ofOtherWeights(): Uint8Array {
  const files = unzipSync(readFileSync(clipPath("still.zip")));
  const manifest = JSON.parse(strFromU8(files["manifest.json"] as Uint8Array));
  manifest.weightsSha256 = "0".repeat(64);
  return zipSync({ ...files, "manifest.json": strToU8(JSON.stringify(manifest)) }, { level: 0 });
}

interface Asked {
  readonly service: keyof typeof NAMES;
  readonly url: string;
  readonly model?: string;
  readonly token?: string;
}

async function ask(page: Page, { service, url, model, token = "" }: Asked): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Encode elsewhere" });
  if ((await dialog.count()) === 0) await new StudioPage(page).command("Encode elsewhere");
  await dialog.getByRole("radio", { name: NAMES[service] }).click();
  await dialog.getByLabel("Address", { exact: true }).fill(url);
  if (model !== undefined) await dialog.getByLabel("Model").fill(model);
  await dialog.getByLabel(/^Token/).fill(token);
  const asked = page.waitForEvent("filechooser", { timeout: PATIENCE });
  await dialog.getByRole("button", { name: /Choose a picture/ }).click();
  await (await asked).setFiles(clipPath("still.png"));
}

/** The bundle is open, and the ball is found in it. */
async function clickIt(page: Page): Promise<void> {
  const studio = new StudioPage(page);
  await expect(page.getByRole("dialog")).toHaveCount(0, { timeout: PATIENCE });
  await studio.ready();
  const [x, y] = expected().still.points[0] as readonly [number, number, number];
  const before = await studio.color(x + 9, y + 9);
  await studio.click(x, y);
  await expect(page.locator("[data-answer]")).toBeVisible({ timeout: PATIENCE });
  await expect.poll(() => studio.color(x + 9, y + 9), { timeout: PATIENCE }).not.toEqual(before);
}

async function arrive(page: Page): Promise<void> {
  await page.goto("./");
  await expect(page.locator("[data-start]")).toBeVisible({ timeout: PATIENCE });
}

/** All that outlives the tab, as text. */
const lasting = (page: Page) =>
  page.evaluate(async () => {
    const texts = [JSON.stringify({ ...localStorage }), document.cookie];
    for (const { name = "" } of await indexedDB.databases()) {
      const db = await new Promise<IDBDatabase>((done, fail) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => done(opening.result);
        opening.onerror = () => fail(opening.error);
      });
      for (const store of db.objectStoreNames) {
        const all = db.transaction(store).objectStore(store).getAll();
        await new Promise((done) => {
          all.onsuccess = done;
        });
        texts.push(JSON.stringify(all.result));
      }
      db.close();
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const { url, headers } of await cache.keys()) texts.push(url, JSON.stringify([...headers]));
    }
    const walk = async (folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const handle of folder.values()) {
        texts.push(handle.name);
        if (handle instanceof FileSystemDirectoryHandle) await walk(handle);
        else if (handle instanceof FileSystemFileHandle) {
          const file = await handle.getFile().catch(() => null);
          if (file !== null) texts.push(await file.text());
        }
      }
    };
    await walk(await navigator.storage.getDirectory());
    return texts.join("\n");
  });

test("an own server in Python encodes, and the token stays in the tab", async ({ page, context }) => {
  await arrive(page);
  await ask(page, { service: "server", url: encodeUrl, token: "wrong" });
  await expect(page.getByRole("alert")).toContainText("refuses the token", { timeout: PATIENCE });
  await ask(page, { service: "server", url: encodeUrl, token: TOKEN });
  await clickIt(page);
  await new StudioPage(page).saved();
  const kept = await lasting(page);
  expect(kept).toContain(encodeUrl);
  expect(kept).not.toContain(TOKEN);
  const other = await context.newPage();
  await arrive(other);
  await new StudioPage(other).command("Encode elsewhere");
  await expect(other.getByLabel("Address", { exact: true })).toHaveValue(encodeUrl);
  await expect(other.getByLabel(/^Token/)).toHaveValue("");
});

test("Replicate is asked, polled, and its file opened", async ({ page }) => {
  await arrive(page);
  await ask(page, { service: "replicate", url: `${base}/v1`, model: "me/encode", token: TOKEN });
  await clickIt(page);
  const tokens = seen.map(({ path, token }) => [path, token]);
  expect(tokens[0]).toEqual(["/v1/models/me/encode/predictions", `Bearer ${TOKEN}`]);
  expect(seen.filter(({ path }) => path === "/v1/predictions/p1").length).toBe(2);
});

test("a Space is asked at /api/predict, and its file opened", async ({ page }) => {
  await arrive(page);
  await ask(page, { service: "space", url: `${base}/` });
  await clickIt(page);
  expect(seen.map(({ path }) => path)).toEqual(["/api/predict", "/file=/tmp/still.zip"]);
  expect(seen.every(({ token }) => token === "")).toBe(true);
});

test("what a service does wrong is said, and the dialog stays for another attempt", async ({ page }) => {
  await arrive(page);
  const alert = page.getByRole("alert");
  const failing = async (asked: Asked, says: RegExp) => {
    await ask(page, asked);
    await expect(alert).toContainText(says, { timeout: PATIENCE });
  };
  const host = base.replace(/^http:\/\//, "");
  const at = (fault: string): Asked => ({ service: "server", url: `${base}/fault/${fault}`, token: TOKEN });
  await failing(at("401"), /refuses the token: check it/);
  await failing(at("404"), /is not there: check the address/);
  await failing(at("500"), new RegExp(`${host} answers 500: out of memory`));
  await failing(at("cut"), /broke off in the middle of its reply: try again/);
  await failing(at("page"), /sent something else than a bundle/);
  await failing(at("nocors"), /cannot be reached: it is off, .*does not allow calls from this page \(CORS\)/);
  await failing({ service: "server", url: "http://127.0.0.1:9/" }, /127.0.0.1:9 cannot be reached/);
  await failing({ service: "server", url: "https://" }, /is not an address/);
  await failing({ service: "replicate", url: base, model: "a/b", token: "" }, /asks for a token/);
  await failing(
    { service: "replicate", url: `${base}/fault/page`, model: "a/b", token: TOKEN },
    /sent something else than an answer/,
  );
  await failing({ service: "space", url: `${base}/fault/500` }, /answers 500/);
  await failing({ service: "space", url: `${base}/fault/page` }, /sent something else than an answer/);
});

test("a bundle that is cut off, and one of other weights, are named", async ({ page }) => {
  await arrive(page);
  await ask(page, { service: "server", url: `${base}/fault/short` });
  const notice = page.locator("[data-notice=error]");
  await expect(notice).toContainText(/still.zip: it is not a zip, or it is cut off/, { timeout: PATIENCE });
  await notice.getByRole("button", { name: /^Dismiss/ }).click();
  await ask(page, { service: "server", url: `${base}/fault/weights` });
  const studio = new StudioPage(page);
  await expect(page.getByRole("dialog")).toHaveCount(0, { timeout: PATIENCE });
  await studio.ready();
  await studio.click(100, 100);
  await expect(notice).toContainText(/of other weights of nano: encode the picture again/, {
    timeout: PATIENCE,
  });
});

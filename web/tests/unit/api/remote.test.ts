import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { strToU8, unzipSync, zipSync } from "fflate";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { bundleFromFolder, bundleFromUrl } from "@/api/bundles";
import { addressesOf, encodeRemotely } from "@/api/remote";
import type { RemoteSettings } from "@/api/settings";

const BUNDLE = zipSync({ "manifest.json": strToU8("{}"), "embedding.bin": Uint8Array.of(1, 2) });
const PICTURE = new File([Uint8Array.of(9, 8, 7)], "truck.jpg", { type: "image/jpeg" });

type Answer = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;

let server: Server | null = null;
afterEach(() => server?.close());

// what the browser has and Node 20 has not
beforeAll(() => {
  globalThis.FileReader ??= class {
    result: string | null = null;
    onload: (() => void) | null = null;
    readAsDataURL(file: File): void {
      void file.arrayBuffer().then((bytes) => {
        this.result = `data:${file.type};base64,${Buffer.from(bytes).toString("base64")}`;
        this.onload?.();
      });
    }
  } as unknown as typeof FileReader;
});

async function serve(answer: Answer): Promise<string> {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => answer(request, Buffer.concat(chunks), response));
  });
  await new Promise<void>((done) => server?.listen(0, done));
  const { port } = (server as Server).address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

const json = (response: ServerResponse, value: unknown, status = 200) => {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
};

function settings(edit: Partial<RemoteSettings>): RemoteSettings {
  return { service: "server", url: "", model: "", token: "", ...edit };
}

function options() {
  return { signal: new AbortController().signal, say: () => undefined };
}

const entries = async (file: File) => Object.keys(unzipSync(new Uint8Array(await file.arrayBuffer()))).sort();

describe("an own server", () => {
  it("gets the picture and the token, and sends a bundle", async () => {
    let seen = { type: "", token: "", body: "" };
    const url = await serve((request, body, response) => {
      const { authorization = "", "content-type": type = "" } = request.headers;
      seen = { type, token: authorization, body: body.toString("latin1") };
      response.writeHead(200, { "Content-Type": "application/zip" }).end(BUNDLE);
    });
    const file = await encodeRemotely(settings({ url, token: "secret" }), PICTURE, options());
    expect(file.name).toBe("truck.zip");
    expect(await entries(file)).toEqual(["embedding.bin", "manifest.json"]);
    expect(seen.type).toMatch(/^multipart\/form-data/);
    expect(seen.token).toBe("Bearer secret");
    expect(seen.body).toContain('name="image"; filename="truck.jpg"');
  });

  it.each([
    [401, /refuses the token/],
    [404, /is not there/],
    [429, /too many requests/],
    [500, /answers 500: broken/],
  ])("is named when it answers %s", async (status, message) => {
    const url = await serve((_request, _body, response) => response.writeHead(status).end("broken"));
    await expect(encodeRemotely(settings({ url }), PICTURE, options())).rejects.toThrow(message);
  });

  it("is named when it breaks off in the middle", async () => {
    const url = await serve((_request, _body, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write(BUNDLE, () => setTimeout(() => response.destroy(), 50));
    });
    await expect(encodeRemotely(settings({ url }), PICTURE, options())).rejects.toThrow(/broke off/);
  });

  it("is named when it is off, or sends a page", async () => {
    await expect(
      encodeRemotely(settings({ url: "http://127.0.0.1:9/" }), PICTURE, options()),
    ).rejects.toThrow(/127.0.0.1:9 cannot be reached/);
    const url = await serve((_request, _body, response) => response.end("<html>"));
    await expect(encodeRemotely(settings({ url }), PICTURE, options())).rejects.toThrow(/something else/);
  });
});

describe("Replicate", () => {
  it("is polled until the bundle is there; the token goes nowhere else", async () => {
    const tokens: Record<string, string | undefined> = {};
    let polls = 0;
    const base = await serve((request, body, response) => {
      const path = request.url ?? "";
      tokens[path] = request.headers.authorization;
      const urls = { get: `${base}/predictions/p1` };
      if (path === "/models/me/enc/predictions") {
        expect(JSON.parse(body.toString()).input.image).toMatch(/^data:image\/jpeg;base64,/);
        json(response, { status: "starting", output: null, error: null, urls }, 201);
      } else if (path === "/predictions/p1") {
        polls += 1;
        const done = polls > 1;
        json(response, {
          status: done ? "succeeded" : "processing",
          output: `${base.replace("127.0.0.1", "localhost")}/out.zip`,
          error: null,
          urls,
        });
      } else response.end(BUNDLE);
    });
    const asked: string[] = [];
    const file = await encodeRemotely(
      settings({ service: "replicate", url: base, model: "me/enc", token: "r8" }),
      PICTURE,
      { ...options(), say: (what) => asked.push(what) },
    );
    expect(await entries(file)).toEqual(["embedding.bin", "manifest.json"]);
    expect(tokens["/predictions/p1"]).toBe("Bearer r8");
    expect(asked).toContain("Waiting for a machine");
    expect(tokens["/out.zip"]).toBeUndefined();
  });

  it("says why a prediction failed, and asks for a token", async () => {
    const base = await serve((_request, _body, response) =>
      json(response, { status: "failed", output: null, error: "out of memory", urls: { get: "" } }),
    );
    const given = settings({ service: "replicate", url: base, model: "v1", token: "r8" });
    await expect(encodeRemotely(given, PICTURE, options())).rejects.toThrow(/failed: out of memory/);
    await expect(encodeRemotely({ ...given, token: "" }, PICTURE, options())).rejects.toThrow(/token/);
  });
});

describe("a Space", () => {
  it("is asked at /api/predict, and its files are fetched without the token from other hosts", async () => {
    const seen: [string, string | undefined][] = [];
    const files = await serve((request, _body, response) => {
      seen.push([request.url ?? "", request.headers.authorization]);
      response.end(request.url === "/x/manifest.json" ? "{}" : "bytes");
    });
    const first = server;
    const space = await serve((_request, body, response) => {
      expect(JSON.parse(body.toString()).data).toHaveLength(1);
      json(response, { data: [[{ url: `${files}/x/manifest.json` }, { url: `${files}/x/embedding.bin` }]] });
    });
    const given = settings({ service: "space", url: `${space}/`, token: "hf" });
    const file = await encodeRemotely(given, PICTURE, options());
    first?.close();
    expect(await entries(file)).toEqual(["embedding.bin", "manifest.json", "preview.jpg"]);
    expect(seen.map(([, token]) => token)).toEqual([undefined, undefined, undefined]);
  });

  it("is named when it sends no JSON, and so is Replicate", async () => {
    const url = await serve((_request, _body, response) => response.end("<html>"));
    for (const service of ["space", "replicate"] as const) {
      const given = settings({ service, url, model: "v1", token: "t" });
      await expect(encodeRemotely(given, PICTURE, options())).rejects.toThrow(
        /something else than an answer/,
      );
    }
  });

  it("may write its answer in many ways", () => {
    expect(addressesOf({ path: "/tmp/a.zip" }, "https://s")).toEqual(["https://s/file=/tmp/a.zip"]);
    expect(addressesOf([{ url: "https://a/b.zip" }])).toEqual(["https://a/b.zip"]);
    expect(
      addressesOf({ manifest: "https://a/manifest.json", embedding: "https://a/embedding.bin" }),
    ).toHaveLength(2);
    expect(addressesOf(null)).toEqual([]);
  });
});

describe("bundles", () => {
  it("come from a folder's address or a zip's", async () => {
    const base = await serve((request, _body, response) => {
      const path = request.url ?? "";
      if (path === "/t/preview.jpg") response.writeHead(404).end();
      else response.end(path.endsWith(".zip") ? BUNDLE : "{}");
    });
    expect(await entries(await bundleFromUrl(`${base}/t`))).toEqual(["embedding.bin", "manifest.json"]);
    expect(await entries(await bundleFromUrl(`${base}/t/manifest.json`))).toEqual([
      "embedding.bin",
      "manifest.json",
    ]);
    expect((await bundleFromUrl(`${base}/truck.zip`)).name).toBe("truck.zip");
    await expect(bundleFromUrl("ht tp://")).rejects.toThrow(/is not an address/);
  });

  it("come from a folder's files, and a folder that is none is told apart", async () => {
    const file = (name: string) => new File(["{}"], name);
    expect(await bundleFromFolder([file("photo.jpg")])).toBeNull();
    const bundle = await bundleFromFolder([file("manifest.json"), file("embedding.bin")].map(inFolder));
    expect(await entries(bundle as File)).toEqual(["embedding.bin", "manifest.json"]);
    await expect(bundleFromFolder([inFolder(file("manifest.json"))])).rejects.toThrow(/no embedding.bin/);
  });
});

function inFolder(file: File): File {
  return Object.defineProperty(file, "webkitRelativePath", { value: `truck/${file.name}` });
}

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Library, type Source } from "@/models/library";
import { parseManifest } from "@/models/manifest";
import { MemoryShelf, put } from "@/models/shelf";
import { ModelServer } from "../../model_server";

const FIXTURE = fileURLToPath(new URL("../../../../fixtures/graphs/test-conv", import.meta.url));
const DECODER = "mask_decoder.onnx";
const GRAPHS = JSON.parse(readFileSync(join(FIXTURE, "graphs.json"), "utf8"));
const SIZE = GRAPHS.graphs.mask_decoder.bytes as number;

let folder: string;
let server: ModelServer;
let shelf: MemoryShelf;
let library: Library;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "models-"));
  cpSync(FIXTURE, folder, { recursive: true });
  server = await ModelServer.start({ tiny: folder });
  shelf = new MemoryShelf();
  library = new Library(shelf);
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function source(more: Partial<Source> = {}): Source {
  return { id: "tiny", title: "Tiny", folder: `${server.url}tiny/`, refresh: false, ...more };
}

function fetching(progress: number[] = [], signal = new AbortController().signal) {
  return { signal, stall: 300, waits: [10, 10], onProgress: (loaded: number) => progress.push(loaded) };
}

describe("bringing a model", () => {
  it("reports growing progress to the sum of all graphs, and keeps every file", async () => {
    const progress: number[] = [];
    const files = await library.fetch(source(), fetching(progress));
    const infos = Object.values(GRAPHS.graphs) as { bytes: number }[];
    expect(progress.at(-1)).toBe(infos.reduce((sum, each) => sum + each.bytes, 0));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(files.graphs.weightsSha256).toBe(GRAPHS.weightsSha256);
    expect(files.golden?.cases).toHaveLength(4);
    expect(Buffer.from(await files.read("mask_decoder")).equals(readFileSync(join(FIXTURE, DECODER)))).toBe(
      true,
    );
    expect([...(await library.stored())].map(([id, { title }]) => [id, title])).toEqual([["tiny", "Tiny"]]);
  });

  it("asks for nothing more at the next visit", async () => {
    await library.fetch(source(), fetching());
    const before = server.requests.length;
    await new Library(shelf).fetch(source(), fetching());
    expect(server.requests.length).toBe(before);
  });

  it("goes on where a connection was cut", async () => {
    server.fail(DECODER, { kind: "cut", after: 5000 }, { kind: "cut", after: 3000 });
    await library.fetch(source(), fetching());
    const ranges = server.of(DECODER).map((each) => each.range);
    expect(ranges).toEqual([null, "bytes=5000-", "bytes=8000-"]);
  });

  it("goes on in a later visit, from a server that has no ranges too", async () => {
    for (let i = 0; i < 9; i++) server.fail(DECODER, { kind: "cut", after: i === 0 ? 5000 : 0 });
    await expect(library.fetch(source(), fetching())).rejects.toMatchObject({ code: "network" });
    expect(await shelf.size("tiny", DECODER)).toBe(5000);
    expect(await library.stored()).toEqual(new Map());
    await server.stop();
    server = await ModelServer.start({ tiny: folder });
    server.fail(DECODER, { kind: "whole" });
    await library.fetch(source(), fetching());
    expect(server.of(DECODER)).toMatchObject([{ range: "bytes=5000-", status: 200 }]);
    expect(server.of("image_encoder.onnx")).toEqual([]); // had come before
  });

  it("gives up a connection that stands still, and says so", async () => {
    for (let i = 0; i < 4; i++) server.fail(DECODER, { kind: "stall", after: 0 });
    await expect(library.fetch(source(), fetching())).rejects.toMatchObject({
      code: "network",
      message: expect.stringMatching(/nothing came/),
    });
  });

  it("tries once more from the start where the bytes are wrong, then says whose fault it is", async () => {
    server.fail(DECODER, { kind: "wrong" });
    await library.fetch(source(), fetching());
    await library.remove("tiny");
    server.fail(DECODER, { kind: "wrong" }, { kind: "wrong" });
    await expect(library.fetch(source(), fetching())).rejects.toMatchObject({ code: "model.corrupt" });
    expect(await shelf.size("tiny", DECODER)).toBe(0);
    expect(await library.stored()).toEqual(new Map());
  });

  it("starts over where what lay there is of another file", async () => {
    await put(shelf, "tiny", DECODER, new Uint8Array(1000).fill(9));
    await library.fetch(source(), fetching());
    expect(server.of(DECODER).map((each) => each.range)).toEqual(["bytes=1000-", null]);
  });

  it("can be cancelled, keeping what has come", async () => {
    const abort = new AbortController();
    server.fail(DECODER, { kind: "stall", after: 4000 });
    const options = fetching([], abort.signal);
    const watched = { ...options, stall: 5000, onProgress: (n: number) => n >= 52_742 && abort.abort() };
    await expect(library.fetch(source(), watched)).rejects.toMatchObject({ code: "cancelled" });
    expect(await shelf.size("tiny", DECODER)).toBe(4000);
  });

  it("says where a model is not", async () => {
    await expect(library.fetch(source({ folder: `${server.url}none/` }), fetching())).rejects.toMatchObject({
      code: "model.missing",
    });
    server.fail("graphs.json", { kind: "status", status: 500 });
    await expect(library.fetch(source(), fetching())).rejects.toMatchObject({ code: "network" });
  });
});

describe("a model that comes with the page", () => {
  it("is brought anew, as far as it has changed", async () => {
    await library.fetch(source({ refresh: true }), fetching());
    const graphs = structuredClone(GRAPHS);
    const other = graphs.graphs.memory_encoder;
    graphs.graphs.mask_decoder = { ...graphs.graphs.mask_decoder, bytes: other.bytes, sha256: other.sha256 };
    writeFileSync(join(folder, "graphs.json"), JSON.stringify(graphs));
    cpSync(join(folder, "memory_encoder.onnx"), join(folder, DECODER));
    const before = server.requests.length;
    const files = await library.fetch(source({ refresh: true }), fetching());
    expect((await files.read("mask_decoder")).length).toBe(other.bytes);
    expect(server.requests.slice(before).map((each) => each.file)).toEqual([
      "graphs.json",
      DECODER,
      "golden.json",
      "golden.bin",
    ]);
    expect(files.golden?.cases).toHaveLength(3);
  });

  it("is there without a network", async () => {
    const bundled = source({ refresh: true });
    await library.fetch(bundled, fetching());
    await server.stop();
    expect((await library.fetch(bundled, fetching())).graphs.preset.name).toBe("test-conv");
    server = await ModelServer.start({});
  });
});

describe("what is stored", () => {
  it("is verified when it is read, and brought again if it is damaged", async () => {
    await library.fetch(source(), fetching());
    await put(shelf, "tiny", DECODER, new Uint8Array(SIZE));
    const files = await library.open("tiny");
    await expect(files.read("mask_decoder")).rejects.toMatchObject({ code: "model.corrupt" });
    const before = server.requests.length;
    const again = await library.fetch(source(), fetching());
    expect((await again.read("mask_decoder")).length).toBe(SIZE);
    expect(server.requests.slice(before).map((each) => each.file)).toContain(DECODER);
    expect(server.requests.slice(before).map((each) => each.file)).not.toContain("image_encoder.onnx");
  });

  it("does not count without its manifest, but is not fetched again either", async () => {
    await library.fetch(source(), fetching());
    await put(shelf, "tiny", "manifest.json", new Uint8Array([123]));
    expect(await library.stored()).toEqual(new Map());
    const before = server.requests.length;
    await library.fetch(source(), fetching());
    expect(server.requests.slice(before).map((each) => each.file)).toEqual([
      "graphs.json",
      "golden.json",
      "golden.bin",
    ]);
    expect(parseManifest(await shelf.read("tiny", "manifest.json"))?.complete).toBe(true);
  });
});

describe("a dropped folder", () => {
  const file = (
    name: string,
    bytes: Uint8Array<ArrayBuffer> = new Uint8Array(readFileSync(join(FIXTURE, name))),
  ) => new File([bytes], name);
  const dropped = (...files: File[]) => new Map(files.map((each) => [each.name, each]));
  const names = [
    "graphs.json",
    "image_encoder.onnx",
    DECODER,
    "memory_encoder.onnx",
    "memory_attention.onnx",
  ];

  it("is kept whole, with its golden answers", async () => {
    await library.add(
      "folder:mine",
      "mine",
      dropped(...[...names, "golden.json", "golden.bin"].map((n) => file(n))),
    );
    const files = await library.open("folder:mine");
    expect(Object.keys(files.graphs.graphs)).toHaveLength(4);
    expect(files.golden?.cases).toHaveLength(4);
  });

  it("may be a decoder alone", async () => {
    await library.add("folder:mine", "mine", dropped(file("graphs.json"), file(DECODER)));
    const files = await library.open("folder:mine");
    expect(Object.keys(files.graphs.graphs)).toEqual(["mask_decoder"]);
    expect(files.graphs.memoryShape).toBeNull();
    await expect(files.read("image_encoder")).rejects.toMatchObject({ code: "model.missing" });
  });

  it.each([
    ["no graphs.json", () => dropped(file(DECODER)), "model.unfit"],
    ["no decoder", () => dropped(file("graphs.json"), file("image_encoder.onnx")), "model.missing"],
    [
      "another decoder",
      () => dropped(file("graphs.json"), file(DECODER, new Uint8Array(9))),
      "model.corrupt",
    ],
  ])("is refused with %s", async (_, files, code) => {
    await expect(library.add("folder:mine", "mine", files())).rejects.toMatchObject({ code });
    expect(await library.stored()).toEqual(new Map());
  });
});

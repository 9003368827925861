/** The engine and the store of models from within a worker, as in the studio, but with nothing around them. */

import { expose } from "comlink";
import { SplitmaskError } from "@/core/errors";
import { encodeLogits } from "@/core/rle";
import type { Rle, Size } from "@/core/types";
import type { Decoded, EngineOptions, Features, LoadedEngine, Pixels, Provider } from "@/engine/base";
import { createEngine } from "@/engine/supervisor";
import { Library } from "@/models/library";
import { MemoryShelf } from "@/models/shelf";
import { type ModelStore, openModelStore } from "@/models/store";
import type { ModelState } from "@/models/types";
import { openCommunity, timeCommunity } from "../../bench/community";
import { noise, timings } from "./timings";
import { verbs } from "./verbs";

const PAGE = new URL("../", location.href).href;
const RUNTIME = new URL(`ort/${__ORT_VERSION__}/`, PAGE).href;

/** Devices that the runtime asked for, to take them away from it. */
const devices: GPUDevice[] = [];
if ("GPUAdapter" in globalThis) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await request.apply(this, given);
    devices.push(device);
    return device;
  };
}

/** Bytes in buffers of the graphics processor that nobody has destroyed. */
let bytesOnGpu = 0;
if ("GPUDevice" in globalThis) {
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (given) {
    const buffer = create.call(this, given);
    const destroy = buffer.destroy.bind(buffer);
    bytesOnGpu += given.size;
    buffer.destroy = () => {
      bytesOnGpu -= given.size;
      return destroy();
    };
    return buffer;
  };
}

/** The runtime's memory, which only ever grows. */
const heaps: WebAssembly.Memory[] = [];
const Plain = WebAssembly.Memory;
WebAssembly.Memory = class extends Plain {
  constructor(given: WebAssembly.MemoryDescriptor) {
    super(given);
    heaps.push(this);
  }
};

const fallbacks: string[] = [];
const states: ModelState[] = [];
let engine: LoadedEngine | null = null;
let store: ModelStore | null = null;
let prepared: { readonly features: Features; readonly size: Size } | null = null;
let community: Awaited<ReturnType<typeof openCommunity>> | null = null;

const opened = (): LoadedEngine => {
  if (!engine) throw new Error("open an engine first");
  return engine;
};
const stored = (): ModelStore => {
  if (!store) throw new Error("open a store first");
  return store;
};

export interface Description {
  readonly provider: Provider;
  readonly threads: number;
  readonly description: string;
  readonly fallback: string | null;
  readonly encodes: boolean;
  readonly tracks: boolean;
}

function described(given: LoadedEngine): Description {
  const { provider, threads, description, fallback, encodes, tracks } = given;
  return { provider, threads, description, fallback, encodes, tracks };
}

/** comlink carries a message, but no code. */
async function coded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof SplitmaskError ? new Error(`${error.code}: ${error.message}`) : error;
  }
}

const harness = {
  /** A folder of graphs, not kept. wrong: a golden answer is changed, so that no provider gives it. */
  async open(folder: string, prefer: Provider | null, wrong = false, threads = 0): Promise<Description> {
    const source = { id: "m", title: "m", folder, refresh: false };
    const fetching = { signal: new AbortController().signal, onProgress: () => undefined };
    const files = await new Library(new MemoryShelf()).fetch(source, fetching);
    const options: EngineOptions = {
      prefer,
      runtime: RUNTIME,
      ...(threads > 0 && { threads }),
      onFallback: (now) => fallbacks.push(now.fallback ?? ""),
    };
    await engine?.dispose();
    if (wrong) files.golden?.cases[0]?.outputs.image_embed?.sample.fill(1e3);
    engine = await coded(createEngine(files, options));
    return described(engine);
  },
  describe: () => described(opened()),
  fallbacks: () => fallbacks,
  bytesOnGpu: () => bytesOnGpu,
  bytesOfRuntime: () => heaps.reduce((sum, each) => sum + each.buffer.byteLength, 0),
  verbs: () => coded(verbs(opened())),
  timings: (size: Pixels["width"], times: number) => timings(opened(), size, times),
  /** Encodes a frame that `click` then answers on, as a mask of the frame's size. */
  async prepare(width: number, height: number): Promise<void> {
    prepared = { features: await opened().encode(noise(width, height)), size: { width, height } };
  },
  async click(x: number, y: number): Promise<Rle> {
    if (!prepared) throw new Error("prepare a frame first");
    const { features, size } = prepared;
    const side = opened().preset.imageSize;
    const points = new Float32Array([(x / size.width) * side, (y / size.height) * side]);
    const prompt = { objects: 1, points, labels: new Float32Array([1]), maskInput: null };
    const decoded = await opened().decode(features, prompt);
    return encodeLogits(decoded.masks.subarray(decoded.side ** 2, 2 * decoded.side ** 2), decoded.side, size);
  },
  openCommunity: async (folder: string, threads: number): Promise<void> => {
    community = await openCommunity(folder, RUNTIME, threads);
  },
  async timeCommunity() {
    if (!community) throw new Error("open the community's first");
    return timeCommunity(community);
  },
  /** A click while a verb runs: how long each took from now. */
  async overtaking(): Promise<{ click: number; encode: number }> {
    const e = opened();
    const picture = { width: 8, height: 8, data: new Uint8ClampedArray(256) };
    const features = await e.encode(picture);
    const point = {
      objects: 1,
      points: new Float32Array([9, 9]),
      labels: new Float32Array([1]),
      maskInput: null,
    };
    const start = performance.now();
    const since = () => performance.now() - start;
    const run = e.encode(picture).then(async () => {
      await e.encode(picture);
      return since();
    });
    const click = e.decode(features, point).then(since);
    return { click: await click, encode: await run };
  },
  /** From here on the graphics processor leaves out some of its work, as faulty drivers do. */
  spoil: () => {
    const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
    let count = 0;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...given) {
      count += 1;
      if (count % 5 !== 0) dispatch.apply(this, given);
    };
  },
  lose: () => {
    for (const device of devices) device.destroy();
  },

  async openStore(catalogue: string, stall: number): Promise<void> {
    const onState = (state: ModelState) => states.push(state);
    store = await openModelStore({ base: PAGE, catalogue, stall, waits: [20, 20], onState });
  },
  load: async (id: string, prefer: Provider | null = "wasm") =>
    described(await coded(stored().load(id, prefer))),
  states: () => states.splice(0),
  entries: () => coded(stored().entries()),
  cancel: (id: string) => stored().cancel(id),
  remove: (id: string) => stored().remove(id),
  report: () => stored().report(),
  add: (name: string, files: readonly File[]) => coded(stored().add(name, files)),
  decodes: (id: string): Promise<Decoded> => coded(blindClick(stored(), id)),
  /** Overwrites the first bytes of a stored file. */
  async damage(id: string, file: string): Promise<void> {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
    const handle = await (await models.getDirectoryHandle(encodeURIComponent(id))).getFileHandle(file);
    const writable = await handle.createWritable({ keepExistingData: true });
    await writable.write(new Uint8Array(16));
    await writable.close();
  },
};

/** A click on features of zeros: what a decoder alone can do. */
async function blindClick(models: ModelStore, id: string): Promise<Decoded> {
  const e = await models.load(id, "wasm");
  const { dim, imageSize } = e.preset;
  const map = (c: number, stride: number) => {
    const side = imageSize / stride;
    return { dims: [1, c, side, side], data: new Float32Array(c * side * side) };
  };
  const features = await e.fromArrays({
    imageEmbed: map(dim, 16),
    highRes0: map(dim / 8, 4),
    highRes1: map(dim / 4, 8),
  });
  return e.decode(features, {
    objects: 1,
    points: new Float32Array(2),
    labels: new Float32Array([1]),
    maskInput: null,
  });
}

export type Harness = typeof harness;
expose(harness);

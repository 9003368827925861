/** The engine's verbs on made-up frames, from within a worker as in the studio. */
import { expose } from "comlink";
import type { LoadedEngine, Pixels, Provider } from "@/engine/base";
import type { ModelFiles } from "@/engine/files";
import { parseGraphs } from "@/engine/graphs";
import { createEngine } from "@/engine/supervisor";

const devices: GPUDevice[] = [];
if (globalThis.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await request.apply(this, given);
    devices.push(device);
    return device;
  };
}

async function bytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function files(folder: string): Promise<ModelFiles> {
  const graphs = parseGraphs(new TextDecoder().decode(await bytes(`${folder}graphs.json`)), "graphs.json");
  return { graphs, golden: null, read: (name) => bytes(`${folder}${graphs.graphs[name]?.file}`) };
}

let engine: LoadedEngine | null = null;
const fallbacks: string[] = [];

function noise(width: number, height: number, seed = 1): Pixels {
  const data = new Uint8ClampedArray(width * height * 4);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = ((state >>> 24) & 63) + ((i >> 4) & 127);
  }
  return { width, height, data };
}

const harness = {
  async open(folder: string, runtime: string, prefer: Provider | null): Promise<string> {
    engine = await createEngine(await files(folder), {
      prefer,
      runtime,
      onFallback: (now) => fallbacks.push(now.fallback ?? ""),
    });
    return `${engine.description} | ${engine.fallback}`;
  },
  async verbs(times: number) {
    if (!engine) throw new Error("open first");
    const took: Record<string, number[]> = { encode: [], decode: [], remember: [], recall: [], tracked: [] };
    const pixels = noise(640, 360);
    const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await work();
      took[name]?.push(performance.now() - start);
      return result;
    };
    const out: number[] = [];
    for (let i = 0; i < times; i++) {
      const e = engine;
      const features = await timed("encode", () => e.encode(pixels));
      const prompt = {
        objects: 1,
        points: new Float32Array([30, 30]),
        labels: new Float32Array([1]),
        maskInput: null,
      };
      const decoded = await timed("decode", () => e.decode(features, prompt));
      const one = decoded.side * decoded.side;
      const memories = await timed("remember", () =>
        e.remember(
          features,
          decoded.masks.slice(0, one),
          decoded.side,
          new Float32Array([1]),
          new Float32Array([3]),
        ),
      );
      const memory = memories[0];
      if (!memory) throw new Error("no memory");
      const recollection = {
        memories: Array.from({ length: 7 }, (_, slot) => ({ memory, slot })),
        pointers: Array.from({ length: 16 }, (_, k) => ({
          pointer: decoded.pointers.slice(0, e.preset.dim),
          dt: k / 15,
        })),
      };
      const recalled = await timed("recall", () => e.recall(features, [recollection]));
      const again = await timed("tracked", () =>
        e.decode(recalled, { ...prompt, labels: new Float32Array([-1]) }),
      );
      out.splice(0, out.length, ...decoded.ious, ...again.ious, ...again.presence);
      recalled.dispose();
      features.dispose();
    }
    return { took, out, description: engine.description, fallbacks };
  },
  async lose() {
    for (const device of devices) device.destroy();
  },
};

export type Harness = typeof harness;
expose(harness);

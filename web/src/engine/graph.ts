/** The sessions of one model's graphs on one provider, and what goes wrong with them. */

import type * as Ort from "onnxruntime-web";
import { SplitmaskError } from "@/core/errors";
import type { ModelFiles } from "@/engine/files";
import { GRAPH_NAMES, type GraphName, type GraphSet, needed } from "@/engine/graphs";
import type { Runtime } from "@/engine/runtime";
import { Turns } from "@/engine/turns";

export type Feed = Readonly<Record<string, Ort.Tensor>>;
type Sessions = Partial<Record<GraphName, Ort.InferenceSession>>;

// what the next verb takes as it is, and nobody else looks at
const STAYS: Partial<Record<GraphName, Ort.Tensor.DataLocation>> = {
  image_encoder: "gpu-buffer",
  memory_attention: "gpu-buffer",
};

const HEARSAY = 150; // milliseconds

const WANTED: Record<GraphName, string> = {
  image_encoder: "encode a frame: open a bundle, or choose another model",
  mask_decoder: "answer clicks: choose another model",
  memory_encoder: "track: choose another model",
  memory_attention: "track: choose another model",
};

export class Graphs {
  readonly #model: GraphSet;
  readonly #sessions: Sessions;
  readonly #turns = new Turns();
  #lost: SplitmaskError | null = null;
  #watched = false;
  #released = false;
  /** Ends the verb that runs: some of the runtime's calls never return once the device is gone. */
  #abandon: ((error: SplitmaskError) => void) | null = null;

  private constructor(model: GraphSet, sessions: Sessions) {
    this.#model = model;
    this.#sessions = sessions;
  }

  static async open(runtime: Runtime, files: ModelFiles): Promise<Graphs> {
    const sessions: Sessions = {};
    for (const name of GRAPH_NAMES) {
      if (files.graphs.graphs[name]) sessions[name] = await opened(runtime, name, await files.read(name));
    }
    const graphs = new Graphs(files.graphs, sessions);
    if (runtime.provider === "webgpu") void graphs.#watch(runtime);
    return graphs;
  }

  async #watch(runtime: Runtime): Promise<void> {
    this.#watched = true;
    const device = (await runtime.ort.env.webgpu.device) as GPUDevice;
    const info = await device.lost;
    const why = info.message || info.reason;
    this.#lost = new SplitmaskError("provider.failed", `the graphics processor was lost (${why})`);
    this.#abandon?.(this.#lost);
  }

  /** Rejects with `model.missing` for a graph the model came without, `provider.failed` for all else. */
  run(name: GraphName, feed: Feed): Promise<Feed> {
    const session = this.#sessions[name];
    if (!session) {
      const what = `${this.#model.preset.name} has no ${name}, so it cannot ${WANTED[name]}`;
      return Promise.reject(new SplitmaskError("model.missing", what));
    }
    return this.#turns.take(() =>
      this.#unlessLost(`computing ${name}`, () => session.run(feed) as Promise<Feed>),
    );
  }

  /** A tensor's numbers, wherever it lies. */
  read(tensor: Ort.Tensor): Promise<Float32Array> {
    if (tensor.location === "cpu") return Promise.resolve(tensor.data as Float32Array);
    const data = () => tensor.getData() as Promise<Float32Array>;
    return this.#turns.take(() => this.#unlessLost("reading from the graphics processor", data));
  }

  #unlessLost<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise<T>((resolve, reject) => {
      this.#abandon = reject;
      work().then(resolve, async (error: unknown) => {
        await this.#hearsay();
        reject(this.#lost ?? failed(doing, error));
      });
    }).finally(() => {
      this.#abandon = null;
    });
  }

  /** A verb may fail of a lost device a moment before the loss itself is told. */
  async #hearsay(): Promise<void> {
    if (this.#watched && !this.#lost) await new Promise((resolve) => setTimeout(resolve, HEARSAY));
  }

  get isReleased(): boolean {
    return this.#released;
  }

  async release(): Promise<void> {
    this.#released = true;
    if (this.#lost) return;
    await this.#turns.take(async () => {
      for (const session of Object.values(this.#sessions)) await session.release();
    });
  }
}

async function opened(runtime: Runtime, name: GraphName, bytes: Uint8Array): Promise<Ort.InferenceSession> {
  const stays = runtime.provider === "webgpu" ? STAYS[name] : undefined;
  let session: Ort.InferenceSession;
  try {
    session = await runtime.ort.InferenceSession.create(bytes, {
      executionProviders: [runtime.provider],
      graphOptimizationLevel: "all",
      // threads must not spin while the page paints what was computed
      extra: { session: { force_spinning_stop: "1" } },
      ...(stays && { preferredOutputLocation: stays }),
    });
  } catch (error) {
    throw failed(`loading ${name}`, error);
  }
  for (const side of ["inputs", "outputs"] as const) {
    const have = side === "inputs" ? session.inputNames : session.outputNames;
    const missing = needed(name, side).find((each) => !have.includes(each));
    if (missing) {
      const what = `${name} lacks the ${side.slice(0, -1)} "${missing}": it is not one of splitmask's graphs`;
      throw new SplitmaskError("model.unfit", what);
    }
  }
  return session;
}

function failed(doing: string, error: unknown): SplitmaskError {
  if (error instanceof SplitmaskError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const line = reason.split("\n")[0]?.slice(0, 200);
  return new SplitmaskError("provider.failed", `${doing} failed: ${line}`, { cause: error });
}

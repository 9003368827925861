/** What the worker asks of models: what there is, how far each one is, and an engine. */

import { SplitmaskError, toFault } from "@/core/errors";
import type { LoadedEngine, Provider } from "@/engine/base";
import type { ModelFiles } from "@/engine/files";
import { describeDecoder } from "@/engine/foreign";
import { bytesOf, GRAPHS_FILE } from "@/engine/graphs";
import { createEngine } from "@/engine/supervisor";
import { type Catalogue, parseCatalogue } from "@/models/catalogue";
import { cancelled } from "@/models/download";
import { Library, type Source } from "@/models/library";
import { openOpfs } from "@/models/opfs";
import { Rate } from "@/models/rate";
import { sha256 } from "@/models/sha256";
import { MemoryShelf, type Shelf } from "@/models/shelf";
import type { ModelEntry, ModelId, ModelState } from "@/models/types";

export interface ModelStorage {
  readonly usage: number; // bytes, of this origin
  readonly quota: number;
  readonly persisted: boolean;
  readonly models: readonly { readonly id: ModelId; readonly bytes: number }[];
}

export interface StoreOptions {
  /** Absolute URL of the page's folder: `ort/` and `models/` lie in it. */
  readonly base: string;
  /** Absolute URL of models.json; `models/models.json` of the page's folder by default. */
  readonly catalogue?: string;
  readonly onState: (state: ModelState) => void;
  /** Called before an engine is disposed for another of the same model: who holds features of it lets go. */
  readonly onReplace?: (engine: LoadedEngine) => Promise<void>;
  /** See models/download.ts. */
  readonly stall?: number;
  readonly waits?: readonly number[];
}

const DROPPED = "folder:";

/** Where the page lies, seen from its worker. */
export function pageFolder(): string {
  return new URL(import.meta.env.DEV ? "/" : "../", globalThis.location.href).href;
}

/** Files are kept in the origin's private file system where the browser has one, else for this visit. */
export async function openModelStore(options: StoreOptions): Promise<ModelStore> {
  return new ModelStore(options, (await openOpfs()) ?? new MemoryShelf());
}

interface Loading {
  readonly prefer: Provider | null;
  readonly result: Promise<LoadedEngine>;
  readonly abort: AbortController;
}

export class ModelStore {
  readonly #options: StoreOptions;
  readonly #library: Library;
  /** For the embedded model where storage is full: it must work all the same. */
  readonly #memory = new Library(new MemoryShelf());
  readonly #states = new Map<ModelId, ModelState>();
  readonly #loading = new Map<ModelId, Loading>();
  #catalogue: Promise<Catalogue> | null = null;

  constructor(options: StoreOptions, shelf: Shelf) {
    this.#options = options;
    this.#library = new Library(shelf);
  }

  /** Those of models.json, then those dropped. */
  async entries(): Promise<readonly ModelEntry[]> {
    const stored = await this.#library.stored();
    const { models } = await this.#models();
    const listed = models.map((each) => ({ ...each, stored: stored.has(each.id) }));
    const dropped = await Promise.all([...stored.keys()].filter(isDropped).map((id) => this.#dropped(id)));
    return [...listed, ...dropped];
  }

  /**
   * Downloads what is missing, verifies, loads, checks against the golden answers; each step goes to `onState`.
   * A second call for a model that is being loaded, or is ready on the provider asked for, joins the first.
   * Rejects with what `onState` got as `fault`.
   */
  load(id: ModelId, prefer: Provider | null): Promise<LoadedEngine> {
    const under = this.#loading.get(id);
    if (under?.prefer === prefer && this.state(id).status !== "error") return under.result;
    under?.abort.abort();
    const abort = new AbortController();
    const before = under?.result.then(
      (engine) => this.#replaced(engine),
      () => undefined,
    );
    const result = Promise.resolve(before).then(() => this.#load(id, prefer, abort.signal));
    this.#loading.set(id, { prefer, result, abort });
    result.catch((error: unknown) => this.#failed(id, error, abort.signal));
    return result;
  }

  async #replaced(engine: LoadedEngine): Promise<void> {
    await this.#options.onReplace?.(engine);
    await disposed(engine);
  }

  /** The last state of a model, as `onState` got it. */
  state(id: ModelId): ModelState {
    return this.#states.get(id) ?? { ...NOTHING, id };
  }

  /** Ends a download; what has come stays, for the next one to go on from. */
  cancel(id: ModelId): void {
    if (this.state(id).status === "downloading") this.#loading.get(id)?.abort.abort();
  }

  /** Frees the engine of a model; its files stay. */
  async unload(id: ModelId): Promise<void> {
    const loading = this.#loading.get(id);
    this.#loading.delete(id);
    loading?.abort.abort();
    await loading?.result.then(disposed, () => undefined);
    this.#tell(id, { ...NOTHING });
  }

  /** A folder's files: graphs.json and its graphs, all four or the decoder alone; or a single decoder. */
  async add(name: string, files: readonly File[]): Promise<ModelEntry> {
    const id = `${DROPPED}${name}`;
    keepLasting();
    await this.unload(id);
    const named = new Map(files.map((file) => [file.name, file]));
    if (files.length === 1) await this.#describe(named);
    await this.#library.add(id, name, named);
    return this.#dropped(id);
  }

  /** Adds the graphs.json that a decoder came without. */
  async #describe(files: Map<string, File>): Promise<void> {
    const [file] = files.values();
    if (!file?.name.endsWith(".onnx")) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const decoder = { file: file.name, bytes, sha256: await sha256(bytes) };
    files.set(GRAPHS_FILE, new File([await describeDecoder(decoder, this.#runtime)], GRAPHS_FILE));
  }

  get #runtime(): string {
    return new URL(`ort/${__ORT_VERSION__}/`, this.#options.base).href;
  }

  async remove(id: ModelId): Promise<void> {
    await this.unload(id);
    await this.#library.remove(id);
  }

  async report(): Promise<ModelStorage> {
    const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    const persisted = (await navigator.storage?.persisted?.()) ?? false;
    const models = [...(await this.#library.stored())].map(([id, { bytes }]) => ({ id, bytes }));
    return { usage, quota, persisted, models };
  }

  async #load(id: ModelId, prefer: Provider | null, signal: AbortSignal): Promise<LoadedEngine> {
    const files = await this.#files(id, signal);
    const bytes = bytesOf(files.graphs);
    this.#tell(id, { ...NOTHING, status: "loading", loaded: bytes, total: bytes });
    const ready = (engine: LoadedEngine) => this.#ready(id, engine, bytes);
    const engine = await createEngine(files, { prefer, runtime: this.#runtime, onFallback: ready });
    if (signal.aborted) return engine; // nobody waits for it: `load` and `unload` dispose it
    ready(engine);
    return engine;
  }

  #ready(id: ModelId, engine: LoadedEngine, bytes: number): void {
    const { provider, description, fallback } = engine;
    this.#tell(id, {
      ...NOTHING,
      status: "ready",
      loaded: bytes,
      total: bytes,
      provider,
      description,
      fallback,
    });
  }

  async #files(id: ModelId, signal: AbortSignal): Promise<ModelFiles> {
    if (isDropped(id)) return this.#library.open(id);
    const source = await this.#source(id);
    try {
      return await withLock(id, signal, () => this.#fetch(this.#library, id, source, signal));
    } catch (error) {
      if (!(error instanceof SplitmaskError) || error.code !== "storage.full" || !source.refresh) throw error;
      return this.#fetch(this.#memory, id, source, signal);
    }
  }

  async #fetch(library: Library, id: ModelId, source: Source, signal: AbortSignal): Promise<ModelFiles> {
    const { stall, waits } = this.#options;
    const rate = new Rate();
    const status = (await library.stored()).has(id) ? "loading" : "downloading";
    this.#tell(id, { ...NOTHING, status });
    if (!source.refresh) keepLasting();
    return library.fetch(source, {
      signal,
      ...(stall !== undefined && { stall }),
      ...(waits !== undefined && { waits }),
      onProgress: (loaded, total) => {
        if (!rate.add(loaded, loaded === total)) return;
        this.#tell(id, { ...NOTHING, status: "downloading", loaded, total, rate: rate.perSecond });
      },
    });
  }

  async #source(id: ModelId): Promise<Source> {
    const catalogue = await this.#models();
    const entry = catalogue.models.find((each) => each.id === id);
    if (!entry) throw new SplitmaskError("model.missing", `there is no model ${id}: choose another`);
    return { id, title: entry.title, folder: catalogue.folder(id), refresh: entry.bundled };
  }

  #models(): Promise<Catalogue> {
    const url = this.#options.catalogue ?? new URL("models/models.json", this.#options.base).href;
    this.#catalogue ??= fetchCatalogue(url).catch((error: unknown) => {
      this.#catalogue = null;
      throw error;
    });
    return this.#catalogue;
  }

  async #dropped(id: ModelId): Promise<ModelEntry> {
    const { graphs } = await this.#library.open(id);
    const tracks = graphs.memoryShape !== null && graphs.graphs.memory_attention !== undefined;
    return {
      id,
      title: id.slice(DROPPED.length),
      about: graphs.graphs.image_encoder
        ? `${graphs.preset.name}, from a folder`
        : "A decoder: for bundles only",
      licence: "",
      bytes: bytesOf(graphs),
      bundled: false,
      stored: true,
      tracks,
    };
  }

  #failed(id: ModelId, error: unknown, signal: AbortSignal): void {
    if (this.#loading.get(id)?.abort.signal !== signal) return; // overtaken by another call
    this.#loading.delete(id);
    const { loaded, total } = this.state(id);
    const fault = toFault(error);
    const status = fault.code === "cancelled" ? "absent" : "error";
    this.#tell(id, { ...NOTHING, status, loaded, total, fault: status === "error" ? fault : null });
  }

  #tell(id: ModelId, state: Omit<ModelState, "id">): void {
    this.#states.set(id, { ...state, id });
    this.#options.onState({ ...state, id });
  }
}

const NOTHING: Omit<ModelState, "id"> = {
  status: "absent",
  loaded: 0,
  total: 0,
  rate: 0,
  provider: null,
  description: "",
  fallback: null,
  fault: null,
};

/** Asks that files be not cleared away unasked. Some browsers ask the person: nothing waits for the answer. */
function keepLasting(): void {
  navigator.storage?.persist?.().catch(() => undefined);
}

const isDropped = (id: ModelId): boolean => id.startsWith(DROPPED);
const disposed = (engine: LoadedEngine): Promise<void> => engine.dispose();

/** Two tabs that want one model: the second waits, and finds it there. */
function withLock<T>(id: ModelId, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return work();
  const lock = navigator.locks.request(`splitmask.model.${id}`, { signal }, work) as Promise<T>;
  return lock.catch((error: unknown) => {
    throw signal.aborted ? cancelled() : error;
  });
}

async function fetchCatalogue(url: string): Promise<Catalogue> {
  let response: Response;
  try {
    response = await fetch(url, { cache: "no-cache" });
  } catch (error) {
    throw new SplitmaskError(
      "network",
      "the list of models cannot be reached: check the network, then retry",
      {
        cause: error,
      },
    );
  }
  if (!response.ok) throw new SplitmaskError("model.missing", `the list of models is not at ${url}`);
  return parseCatalogue(await response.text(), url);
}

/**
 * An engine that outlives its provider. When WebGPU is lost or fails in mid-run the model is loaded again on
 * WASM, and the verb that failed is asked again there. Features remember how they were made (the square of the
 * frame, or the features and memories they came from) and are made anew when they are next needed.
 */

import { type ErrorCode, SplitmaskError } from "@/core/errors";
import { stretch } from "@/core/stretch";
import type {
  Decoded,
  DecodePrompt,
  EngineOptions,
  FeatureArrays,
  Features,
  LoadedEngine,
  Memory,
  Pixels,
  Provider,
  Recollection,
  Tensor,
} from "@/engine/base";
import type { ModelFiles } from "@/engine/files";
import { checkGolden } from "@/engine/golden";
import { OrtEngine } from "@/engine/ort";
import { openRuntime, whyNotWebGpu } from "@/engine/runtime";

/**
 * Loads a model on the fastest provider that computes rightly. Rejects with `model.corrupt`, `model.unfit`,
 * `provider.failed` or `network`.
 */
export async function createEngine(files: ModelFiles, options: EngineOptions): Promise<LoadedEngine> {
  const { prefer } = options;
  const against = prefer === null ? await whyNotWebGpu() : null;
  if (prefer === "wasm" || against)
    return new Supervisor(files, options, await open(files, "wasm", options), against);
  try {
    return new Supervisor(files, options, await open(files, "webgpu", options), null);
  } catch (error) {
    // its runtime is another file than that of WASM, and may be the only one that cannot be had
    if (!isProviderFault(error) && !isFault(error, "network")) throw error;
    return new Supervisor(files, options, await open(files, "wasm", options), error.message);
  }
}

async function open(files: ModelFiles, provider: Provider, options: EngineOptions): Promise<OrtEngine> {
  const engine = await OrtEngine.open(await openRuntime(provider, options), files);
  try {
    if (files.golden) await checkGolden(files.golden, (each) => engine.answer(each));
  } catch (error) {
    await engine.dispose();
    throw error;
  }
  return engine;
}

function isFault(error: unknown, code: ErrorCode): error is SplitmaskError {
  return error instanceof SplitmaskError && error.code === code;
}

const isProviderFault = (error: unknown): error is SplitmaskError => isFault(error, "provider.failed");

type Recipe = (engine: OrtEngine) => Promise<Features>;

/** Features of whichever engine computes now. */
class LastingFeatures implements Features {
  readonly #recipe: Recipe;
  #engine: OrtEngine;
  #made: Features;

  constructor(recipe: Recipe, engine: OrtEngine, made: Features) {
    this.#recipe = recipe;
    this.#engine = engine;
    this.#made = made;
  }

  get imageEmbed(): Tensor {
    return this.#made.imageEmbed;
  }

  get highRes0(): Tensor {
    return this.#made.highRes0;
  }

  get highRes1(): Tensor {
    return this.#made.highRes1;
  }

  async on(engine: OrtEngine): Promise<Features> {
    if (this.#engine !== engine) {
      this.#made = await this.#recipe(engine);
      this.#engine = engine;
    }
    return this.#made;
  }

  dispose(): void {
    if (!this.#engine.isDisposed) this.#made.dispose();
  }
}

class Supervisor implements LoadedEngine {
  readonly #files: ModelFiles;
  readonly #options: EngineOptions;
  #engine: OrtEngine;
  #recovery: Promise<void> | null = null;
  fallback: string | null;

  constructor(files: ModelFiles, options: EngineOptions, engine: OrtEngine, fallback: string | null) {
    this.#files = files;
    this.#options = options;
    this.#engine = engine;
    this.fallback = fallback;
  }

  get preset() {
    return this.#files.graphs.preset;
  }

  get constants() {
    return this.#files.graphs.constants;
  }

  get weightsSha256(): string {
    return this.#files.graphs.weightsSha256;
  }

  get provider(): Provider {
    return this.#engine.runtime.provider;
  }

  get threads(): number {
    return this.#engine.runtime.threads;
  }

  get encodes(): boolean {
    return this.#files.graphs.graphs.image_encoder !== undefined;
  }

  get tracks(): boolean {
    return this.encodes && this.#files.graphs.memoryShape !== null;
  }

  get description(): string {
    const { preset } = this;
    const one = globalThis.crossOriginIsolated
      ? "1 thread"
      : "1 thread (the page is not cross-origin isolated)";
    const wasm = `WASM, ${this.threads > 1 ? `${this.threads} threads` : one}`;
    const version = this.#engine.runtime.ort.env.versions.web ?? "";
    return `${preset.name} · onnxruntime-web ${version} · ${this.provider === "webgpu" ? "WebGPU" : wasm}`;
  }

  encode(image: Pixels): Promise<Features> {
    const square = stretch(image.data, image.width, image.height, this.preset.imageSize);
    return this.#lasting((engine) => engine.encode(square));
  }

  recall(features: Features, recollections: readonly Recollection[]): Promise<Features> {
    return this.#lasting(async (engine) => engine.recall(await on(features, engine), recollections));
  }

  decode(features: Features, prompt: DecodePrompt): Promise<Decoded> {
    return this.#ask(async (engine) => engine.decode(await on(features, engine), prompt));
  }

  remember(
    features: Features,
    maskLogits: Float32Array,
    side: number,
    binarize: Float32Array,
    presence: Float32Array,
  ): Promise<Memory[]> {
    return this.#ask(async (engine) =>
      engine.remember(await on(features, engine), maskLogits, side, binarize, presence),
    );
  }

  unconditioned(features: Features): Promise<Features> {
    return this.#lasting(async (engine) => engine.unconditioned(await on(features, engine)));
  }

  toArrays(features: Features): Promise<FeatureArrays> {
    return this.#ask(async (engine) => engine.toArrays(await on(features, engine)));
  }

  fromArrays(arrays: FeatureArrays): Promise<Features> {
    return this.#lasting(async (engine) => engine.fromArrays(arrays));
  }

  dispose(): Promise<void> {
    return this.#engine.dispose();
  }

  async #lasting(recipe: Recipe): Promise<Features> {
    return this.#ask(async (engine) => new LastingFeatures(recipe, engine, await recipe(engine)));
  }

  async #ask<T>(verb: (engine: OrtEngine) => Promise<T>): Promise<T> {
    const engine = this.#engine;
    try {
      return await verb(engine);
    } catch (error) {
      if (!isProviderFault(error) || engine.runtime.provider === "wasm") throw error;
      await this.#recover(engine, error);
      return verb(this.#engine);
    }
  }

  /** All verbs that fail together wait for one new engine. */
  #recover(broken: OrtEngine, reason: SplitmaskError): Promise<void> {
    if (this.#engine !== broken) return Promise.resolve();
    this.#recovery ??= open(this.#files, "wasm", this.#options)
      .then((engine) => {
        this.#engine = engine;
        this.fallback = reason.message;
        this.#options.onFallback?.(this);
      })
      .finally(() => {
        this.#recovery = null;
      });
    return this.#recovery;
  }
}

const on = (features: Features, engine: OrtEngine): Promise<Features> =>
  (features as LastingFeatures).on(engine);

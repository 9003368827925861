/**
 * The four verbs, as every engine speaks them (Python's `splitmask.engine.base`, in TypeScript).
 *
 * An engine is stateless but for droppable caches keyed by the identity of `Features` and `Memory`. Policy
 * (which memories, which mask, what is stale) is not here but in `session/`.
 */

import type { Size } from "@/core/types";

/** What computes: the graphics processor, or WebAssembly on the processor. */
export type Provider = "webgpu" | "wasm";

/** A tensor of an engine, wherever it lies; only its engine looks inside. */
export interface Tensor {
  readonly dims: readonly number[];
  dispose(): void;
}

/** What `encode` makes of a frame, or `recall` of features. Whoever asked for it disposes it. */
export interface Features {
  readonly imageEmbed: Tensor; // (1 | b, c, h, w)
  readonly highRes0: Tensor; // (1, c/8, 4h, 4w)
  readonly highRes1: Tensor; // (1, c/4, 2h, 2w)
  /** Frees what this value itself holds: features from `recall` share the high-resolution maps of `encode`'s. */
  dispose(): void;
}

/** Features as they travel in a bundle: float32, on the CPU. */
export interface FeatureArrays {
  readonly imageEmbed: { readonly dims: readonly number[]; readonly data: Float32Array };
  readonly highRes0: { readonly dims: readonly number[]; readonly data: Float32Array };
  readonly highRes1: { readonly dims: readonly number[]; readonly data: Float32Array };
}

/** What `remember` keeps of one object on one frame: (cm, h', w'). */
export interface Memory {
  readonly map: Tensor;
  dispose(): void;
}

/** What one object attends to on one frame. */
export interface Recollection {
  /** Slot 0: a prompted frame; 1…6: how many kept frames ago. At least one. */
  readonly memories: readonly { readonly memory: Memory; readonly slot: number }[];
  /** pointer (c); dt: signed time to the pointer's frame, divided as the policy says. */
  readonly pointers: readonly { readonly pointer: Float32Array; readonly dt: number }[];
}

/** What `decode` says of b objects, before any policy. Token 0 is the single-mask token. On the CPU. */
export interface Decoded {
  readonly objects: number; // b
  readonly side: number; // M
  readonly masks: Float32Array; // (b, 4, M, M) logits
  readonly ious: Float32Array; // (b, 4)
  readonly presence: Float32Array; // (b)
  readonly pointers: Float32Array; // (b, 4, c)
}

/** The few learned numbers that policy needs outside the graphs. */
export interface PolicyConstants {
  readonly noObjPtr: Float32Array; // (c)
  readonly maskDownsampleWeight: Float32Array; // (4, 4)
  readonly maskDownsampleBias: number;
}

export interface EnginePreset {
  readonly name: string;
  readonly imageSize: number; // S
  readonly dim: number; // c
  readonly numMemories: number; // 7
  readonly maxPointers: number; // 16
}

export interface DecodePrompt {
  readonly objects: number; // b
  readonly points: Float32Array; // (b, n, 2) x, y in the model's S×S space; no point: one (0, 0) labelled −1
  readonly labels: Float32Array; // (b, n): 1 in, 0 out, 2/3 box corners, −1 none
  readonly maskInput: Float32Array | null; // (b, 1, M, M) logits
}

/** Upright pixels of a frame: RGBA, 8 bits, row by row; alpha is ignored. */
export interface Pixels extends Size {
  readonly data: Uint8ClampedArray; // (H, W, 4)
}

/**
 * Verbs run one at a time, in the order they were asked for, and the engine goes back to the event loop between
 * them: a message that arrives during a verb is heard before the next one.
 */
export interface Engine {
  readonly preset: EnginePreset;
  readonly constants: PolicyConstants;
  readonly weightsSha256: string;
  /** For people: model, runtime, provider, threads. E.g. `nano · onnxruntime-web 1.30 · WASM, 2 threads`. */
  readonly description: string;

  encode(image: Pixels): Promise<Features>;
  recall(features: Features, recollections: readonly Recollection[]): Promise<Features>;
  decode(features: Features, prompt: DecodePrompt): Promise<Decoded>;
  /** maskLogits (b, 1, k, k); binarize (b): 1 where the mask came from clicks; presence (b) logits. */
  remember(
    features: Features,
    maskLogits: Float32Array,
    side: number,
    binarize: Float32Array,
    presence: Float32Array,
  ): Promise<Memory[]>;
  /** Features from `encode` without `no_mem_embed`: what a mask prompt's pointer is decoded from. */
  unconditioned(features: Features): Promise<Features>;
  /** Features as arrays, to be kept or sent elsewhere; and back, as the verbs take them. */
  toArrays(features: Features): Promise<FeatureArrays>;
  fromArrays(arrays: FeatureArrays): Promise<Features>;
  dispose(): Promise<void>;
}

/** An engine as `createEngine` gives it: it outlives its provider. */
export interface LoadedEngine extends Engine {
  readonly provider: Provider;
  readonly threads: number; // 1 where the page is not cross-origin isolated; 1 on WebGPU
  /** Why this is not the fastest provider, in words for a person. null: it is. */
  readonly fallback: string | null;
  /** false for a decoder alone: `encode`, `recall` and `remember` reject with `model.missing`. */
  readonly encodes: boolean;
  readonly tracks: boolean;
}

export interface EngineOptions {
  /** null: WebGPU where it is and computes rightly, else WASM. */
  readonly prefer: Provider | null;
  /** Absolute URL of the folder with the runtime's `.mjs` and `.wasm` files, ending in a slash. */
  readonly runtime: string;
  /** Of WASM, where threads can be had; by default as many as the machine is good for. */
  readonly threads?: number;
  /** Called after the provider was lost in mid-run and the engine went on with another. */
  readonly onFallback?: (engine: LoadedEngine) => void;
}

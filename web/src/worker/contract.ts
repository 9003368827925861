/**
 * What the page asks of the worker that holds the model, the clips and their sessions.
 *
 * Spoken over comlink. Every answer belongs to its request; what comes unasked (progress, a run's frames) goes
 * to the one listener given to `connect`. A rejected promise carries a `Fault` (see `core/errors.ts`).
 */

import type { Fault } from "@/core/errors";
import type { FrameMasks, ObjectMask, Prompt, Rle } from "@/core/types";
import type { Provider } from "@/engine/base";
import type { Given } from "@/media/source";
import type { ModelEntry, ModelId, ModelState } from "@/models/types";

export type { Provider } from "@/engine/base";
export type { ModelEntry, ModelId, ModelState, ModelStatus } from "@/models/types";

export type ClipId = string;

export interface StorageReport {
  readonly usage: number; // bytes, of this origin
  readonly quota: number;
  readonly persisted: boolean;
  readonly models: readonly { readonly id: ModelId; readonly bytes: number }[];
  readonly results: number; // bytes of masks and logits
}

export interface ClipInfo {
  readonly id: ClipId;
  readonly name: string;
  readonly kind: "video" | "image" | "bundle";
  readonly width: number; // upright
  readonly height: number;
  readonly rotation: 0 | 90 | 180 | 270; // clockwise, that was applied
  readonly frames: number;
  readonly timestamps: Float64Array; // (frames) seconds from the first frame, presentation order
  readonly duration: number; // seconds
  readonly codec: string; // for people; "" for an image
  readonly hasAudio: boolean;
  readonly variableRate: boolean;
  readonly sha256: string; // of the file's first and last MiB and its length: tells a clip again
  /** Objects that a bundle of a tracked frame came with; their masks are those of frame 0. */
  readonly given?: readonly Pick<Given, "object" | "name" | "color" | "prompt">[];
}

export interface Decision {
  readonly mask: ObjectMask;
  /** Half-open ranges of frames that the prompt made stale. */
  readonly stale: readonly (readonly [number, number])[];
}

export interface RunRequest {
  readonly clip: ClipId;
  readonly start: number | null; // null: the playhead's business is the page's; first prompted frame
  readonly reverse: boolean;
  readonly maxFrames: number | null; // to work on at most; null: all
  readonly stop?: number | null; // the frame that ends it, left out; null: to the end, in reverse the beginning
}

export interface RunSummary {
  readonly frames: number; // that got masks
  readonly seconds: number;
  readonly end: "done" | "stopped" | "failed";
  readonly fault: Fault | null;
}

/** How each frame of the clip stands for one object: what the strip under its lane shows. */
export interface ObjectStrip {
  readonly object: number;
  readonly presence: Float32Array; // (frames) logit, NaN where there is no mask
  readonly score: Float32Array; // (frames) predicted IoU, NaN where there is no mask
  readonly area: Float32Array; // (frames) share of the frame, NaN where there is no mask
  readonly prompted: readonly number[]; // frames
  readonly stale: readonly (readonly [number, number])[]; // half-open ranges
  readonly jumps: readonly number[]; // frames at which the mask leaps or the picture cuts
}

export type WorkerEvent =
  | { readonly type: "model"; readonly state: ModelState }
  | {
      readonly type: "run";
      readonly clip: ClipId;
      readonly masks: FrameMasks;
      readonly done: number;
      readonly total: number;
      readonly fps: number;
    }
  /** What is found for a clip will be gone once the page is closed, and why. */
  | { readonly type: "volatile"; readonly text: string };

export interface TakeAwayRequest {
  readonly clip: ClipId;
  readonly format: string; // a key of the table in export/
  readonly objects: readonly number[]; // empty: all, joined
  readonly joined?: boolean; // as the page combines them, where a format could have them apart
  readonly range: readonly [number, number]; // half-open
  readonly feather: number; // px of the frame
  readonly invert: boolean;
  /** Names and colours as the page shows them, in its order. */
  readonly labels: readonly {
    readonly object: number;
    readonly name: string;
    readonly color: string;
    readonly combine?: "add" | "subtract" | "intersect"; // with the masks before it
  }[];
}

export interface Segmenter {
  connect(listener: (event: WorkerEvent) => void): Promise<void>;

  // models/
  models(): Promise<readonly ModelEntry[]>;
  loadModel(id: ModelId, prefer: Provider | null): Promise<ModelState>;
  /** Four graphs and graphs.json (or a decoder alone), dropped as files; kept in this browser's storage. */
  addModel(name: string, files: readonly File[]): Promise<ModelEntry>;
  cancelDownload(id: ModelId): Promise<void>;
  removeModel(id: ModelId): Promise<void>;
  storage(): Promise<StorageReport>;

  // media/
  /** Opens a video, an image or a bundle. The same id again replaces it. */
  openClip(id: ClipId, file: File): Promise<ClipInfo>;
  closeClip(id: ClipId): Promise<void>;
  /** Removes what is stored of all clips but these: the clips of all projects. */
  keepResults(ids: readonly ClipId[]): Promise<void>;
  /** Small pictures for the timeline, `height` pixels high, at the frames asked for. */
  thumbnails(id: ClipId, frames: readonly number[], height: number): Promise<readonly ImageBitmap[]>;

  // session/
  /** Encodes a frame ahead of the first click on it. Resolves early if overtaken by another. */
  prepare(id: ClipId, frame: number): Promise<void>;
  /** The prompt replaces what was said there. null: overtaken by a newer prompt on the same object and frame. */
  prompt(id: ClipId, object: number, frame: number, prompt: Prompt): Promise<Decision | null>;
  removePrompt(id: ClipId, object: number, frame: number): Promise<ObjectStrip>;
  removeObject(id: ClipId, object: number): Promise<void>;
  /** What a click there would give; changes nothing. null: overtaken, or the frame is not encoded yet. */
  hover(id: ClipId, frame: number, x: number, y: number): Promise<Rle | null>;
  /** A guess at the prominent object: the click that gave it, and its mask. */
  autoDetect(id: ClipId, frame: number): Promise<{ readonly prompt: Prompt; readonly rle: Rle }>;
  run(request: RunRequest): Promise<RunSummary>;
  /** Ends the run after the frame it is on; what is done stays. */
  stop(id: ClipId): Promise<void>;
  masks(id: ClipId, frames: readonly number[]): Promise<readonly FrameMasks[]>;
  strips(id: ClipId): Promise<readonly ObjectStrip[]>;
  clear(id: ClipId): Promise<void>;

  // export/
  takeAway(request: TakeAwayRequest, progress: (share: number) => void): Promise<Blob>;
  /** Ends it; the promise of `takeAway` then rejects with `cancelled`. */
  cancelTakeAway(id: ClipId): Promise<void>;
  /** The clip's `result.json` v1, and back. keepsake: for here only, without having to read the whole file. */
  exportResult(id: ClipId, labels: TakeAwayRequest["labels"], keepsake?: boolean): Promise<string>;
  importResult(id: ClipId, json: string): Promise<readonly ObjectStrip[]>;

  /** Addresses that the worker has fetched so far, to be kept for a visit without a network. */
  fetched(): Promise<readonly string[]>;
  /** For tests and benches: how often a frame had to be encoded. */
  counters(id: ClipId): Promise<{ readonly encodes: number }>;
}

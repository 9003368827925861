/** Where a session keeps the results of its objects; `store/` has the one that outlives the page. */

import type { Rle } from "@/core/types";
import type { Output } from "./choice";
import type { TrackState } from "./track";

/** One result without its logits: what lists, strips and exports need. */
export interface Kept {
  readonly direction: boolean | null; // of the run that made it (true: reverse); null: a prompt did
  readonly score: number;
  readonly presence: number;
  readonly area: number; // pixels of the frame
}

/** A frame at which an object's mask leaps or, for all objects, the picture cuts (null). */
export interface Mark {
  readonly object: number | null;
  readonly frame: number;
}

/** Where marks are kept. */
export interface KeptMarks {
  marks(): readonly Mark[];
  /** on: whether it is one from now on. */
  mark(mark: Mark, on: boolean): void;
}

export interface Results {
  /** The model that results are from and for, from now on, and the side M of its masks. */
  use(weightsSha256: string, side: number): void;
  /** Keeps a result in place of what there was. direction: of the run; null for a prompted frame. */
  put(object: number, frame: number, output: Output, direction: boolean | null): void;
  /** To half precision, or ±10 where only the mask is left; its pointer is empty where another model made it. */
  get(object: number, frame: number): Output | null;
  pointer(object: number, frame: number): Float32Array | null;
  mask(object: number, frame: number): Rle | null;
  kept(object: number, frame: number): Kept | null;
  /** One result of an object, or the object with all that is known of it. */
  drop(object: number, frame?: number): void;
  /** The mask that an output would be kept as. */
  toMask(output: Output): Rle;
  saveState(state: TrackState): void;
  states(): readonly TrackState[];
}

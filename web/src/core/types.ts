/**
 * The values that travel between the rooms. Every array has its shape beside it.
 *
 * Letters in shapes: `b` objects, `n` points, `c` channels, `h w` the grid at stride 16, `H W` the frame as
 * given, `S` the model's square input, `M = S / 4` the side of a low-resolution mask.
 */

declare const space: unique symbol;

/** A point (x, y) in pixels of the upright frame: (0, 0) is the upper left corner of the first pixel. */
export interface FramePoint {
  readonly x: number;
  readonly y: number;
  readonly [space]?: "frame";
}

/** A point (x, y) in CSS pixels of the stage on the page. */
export interface StagePoint {
  readonly x: number;
  readonly y: number;
  readonly [space]: "stage";
}

/** Corners of a box in pixels of the upright frame, x0 < x1 and y0 < y1. */
export type FrameBox = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A mask of an upright frame. COCO's order: down the columns, background first. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: Uint32Array; // lengths of runs, alternately 0 and 1; their sum is height · width
}

/** What a person says of one object on one frame. A mask stands alone. */
export interface Prompt {
  readonly points: readonly FramePoint[];
  readonly labels: readonly (0 | 1)[]; // of each point: 1 include, 0 exclude
  readonly box: FrameBox | null;
  readonly mask: Rle | null;
}

export const NO_PROMPT: Prompt = { points: [], labels: [], box: null, mask: null };

/** One object's mask on one frame, as a session gives it out. */
export interface ObjectMask {
  readonly object: number;
  readonly rle: Rle; // of the frame's size
  readonly score: number; // predicted IoU, 0…1
  readonly presence: number; // logit; ≤ 0 says that the object is not in the frame
  readonly prompted: boolean;
}

export interface FrameMasks {
  readonly frame: number; // 0-based, presentation order
  readonly masks: readonly ObjectMask[];
}

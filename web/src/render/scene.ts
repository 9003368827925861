/** What the stage shows, as numbers; the backends draw the same from it. */

import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import type { Combine, MaskView } from "@/state/document";
import type { Placement } from "./view";

export type Rgb = readonly [r: number, g: number, b: number]; // 0…1

export interface Layer {
  readonly rle: Rle; // of the frame's size
  readonly color: Rgb;
  readonly combine: Combine;
}

export interface Scene {
  readonly frame: Size; // pixels of the frame
  readonly layers: readonly Layer[]; // in the order in which they are combined
  readonly ghost: Rle | null; // what a click would give
  readonly view: MaskView;
  readonly opacity: number; // 0…1
  readonly feather: number; // px of the frame; two standard deviations, as in Python's masks/feather.py
  readonly invert: boolean;
  readonly placement: Placement; // in device pixels
  readonly pixelRatio: number;
  readonly backdrop: Rgb;
  readonly checker: readonly [Rgb, Rgb];
  readonly accent: Rgb; // colours an inverted mask
}

export interface Compositor {
  readonly kind: "webgpu" | "webgl2" | "canvas2d";
  /** Why it cannot draw any more; never settles while it can. */
  readonly lost: Promise<string>;
  /** Of the canvas, in device pixels; what was drawn is gone. */
  resize(size: Size): void;
  /** Takes the picture over: copies and closes it. */
  setPicture(picture: Picture): void;
  draw(scene: Scene): void;
  dispose(): void;
}

/** Masks are combined at the frame's size, but for frames larger than this. */
const LONGEST_MATTE = 1920;

export function matteSize(frame: Size): Size & { readonly scale: number } {
  const scale = Math.min(1, LONGEST_MATTE / Math.max(frame.width, frame.height));
  const width = Math.max(1, Math.round(frame.width * scale));
  return { width, height: Math.max(1, Math.round(frame.height * scale)), scale };
}

/** A hair of blur even without feather: the outline of a mask of pixels then has no steps. */
const SMOOTH = 0.9; // px of the frame

/** The standard deviation of the blur in pixels of the matte. */
export function blurOf(scene: Pick<Scene, "feather">, scale: number): number {
  return Math.max(SMOOTH, scene.feather / 2) * scale;
}

/** Masks as bytes for a texture. */

import { segments } from "@/core/rle";
import type { Rle } from "@/core/types";

/**
 * (W, H) of 0 and 255: a texture H wide and W high, the mask's transpose. COCO's order is down the columns, so
 * every run is one contiguous fill here; shaders swap the coordinates.
 */
export function transposed(rle: Rle): Uint8Array<ArrayBuffer> {
  const [height, width] = rle.size;
  const bytes = new Uint8Array(width * height);
  for (const [start, stop] of segments(rle)) bytes.fill(255, start, stop);
  return bytes;
}

/** Keeps what was made for a mask until a drawing does without it. */
export class MaskTextures<T> {
  private held = new Map<Rle, T>();
  private used = new Map<Rle, T>();
  private readonly make: (rle: Rle) => T;
  private readonly free: (texture: T) => void;

  constructor(make: (rle: Rle) => T, free: (texture: T) => void) {
    this.make = make;
    this.free = free;
  }

  get(rle: Rle): T {
    const texture = this.used.get(rle) ?? this.held.get(rle) ?? this.make(rle);
    this.used.set(rle, texture);
    return texture;
  }

  /** After a drawing: frees what it did not use. */
  sweep(): void {
    for (const [rle, texture] of this.held) if (!this.used.has(rle)) this.free(texture);
    this.held = this.used;
    this.used = new Map();
  }

  clear(): void {
    this.sweep();
    this.sweep();
  }
}

/** The right half of a Gaussian kernel, sampled between texels: offsets and weights of pairs, the middle first. */
export function blurKernel(sigma: number): { readonly offsets: number[]; readonly weights: number[] } {
  const radius = Math.min(MAX_PAIRS * 2, Math.ceil(sigma * 2.6));
  const weight = (i: number) => Math.exp((-i * i) / (2 * sigma * sigma));
  const offsets = [0];
  const weights = [weight(0)];
  for (let i = 1; i <= radius; i += 2) {
    const sum = weight(i) + weight(i + 1);
    offsets.push((i * weight(i) + (i + 1) * weight(i + 1)) / sum);
    weights.push(sum);
  }
  const total = weights.reduce((sum, each, i) => sum + each * (i === 0 ? 1 : 2), 0);
  return { offsets, weights: weights.map((each) => each / total) };
}

/** 50 px of feather are σ = 25 px: 65 pixels to either side, two at a time. */
export const MAX_PAIRS = 33;

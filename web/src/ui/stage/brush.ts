/** A mask that is painted: circles along a stroke, in COCO's order so that its runs are read straight off. */

import { segments } from "@/core/rle";
import type { FramePoint, Rle, Size } from "@/core/types";

export class BrushStroke {
  private readonly size: Size;
  private readonly bytes: Uint8Array; // (W, H): down the columns
  private last: FramePoint | null = null;

  constructor(size: Size, start: Rle | null) {
    this.size = { width: size.width, height: size.height };
    this.bytes = new Uint8Array(size.width * size.height);
    if (start !== null) for (const [from, to] of segments(start)) this.bytes.fill(1, from, to);
  }

  /** From the last point to this one; diameter in pixels of the frame. */
  to(point: FramePoint, diameter: number, erase: boolean): void {
    const from = this.last ?? point;
    const length = Math.hypot(point.x - from.x, point.y - from.y);
    const steps = Math.max(1, Math.ceil(length / Math.max(1, diameter / 6)));
    for (let i = 1; i <= steps; i++) {
      const share = i / steps;
      const x = from.x + (point.x - from.x) * share;
      this.dab(x, from.y + (point.y - from.y) * share, diameter / 2, erase ? 0 : 1);
    }
    this.last = point;
  }

  rle(): Rle {
    const { bytes } = this;
    const counts: number[] = [];
    let [at, value] = [0, 0];
    while (at < bytes.length) {
      const next = bytes.indexOf(1 - value, at);
      const end = next === -1 ? bytes.length : next;
      counts.push(end - at);
      at = end;
      value = 1 - value;
    }
    return { size: [this.size.height, this.size.width], counts: Uint32Array.from(counts) };
  }

  private dab(x: number, y: number, radius: number, value: 0 | 1): void {
    const { width, height } = this.size;
    const left = Math.max(0, Math.floor(x - radius));
    const right = Math.min(width - 1, Math.ceil(x + radius));
    for (let column = left; column <= right; column++) {
      const half = Math.sqrt(Math.max(0, radius * radius - (column + 0.5 - x) ** 2));
      const top = Math.max(0, Math.round(y - half));
      const bottom = Math.min(height, Math.round(y + half));
      if (bottom > top) this.bytes.fill(value, column * height + top, column * height + bottom);
    }
  }
}

/** Whether a point lies in a mask. */
export function covers(rle: Rle, point: FramePoint): boolean {
  const target = Math.floor(point.x) * rle.size[0] + Math.floor(point.y);
  let end = 0;
  for (let i = 0; i < rle.counts.length; i++) {
    end += rle.counts[i] ?? 0;
    if (target < end) return i % 2 === 1;
  }
  return false;
}

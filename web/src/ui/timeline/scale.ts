/** Frames on a track of a width in CSS pixels. */

export interface Scale {
  readonly width: number;
  readonly frames: number;
}

/** The left edge of a frame. */
export function left(scale: Scale, frame: number): number {
  return (frame / scale.frames) * scale.width;
}

export function middle(scale: Scale, frame: number): number {
  return left(scale, frame + 0.5);
}

export function frameUnder(scale: Scale, x: number): number {
  return Math.max(0, Math.min(scale.frames - 1, Math.floor((x / scale.width) * scale.frames)));
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];

/** Frames between labels, so that these are at least so many pixels apart. */
export function tickStep(scale: Scale, apart: number): number {
  const least = (apart * scale.frames) / Math.max(1, scale.width);
  return STEPS.find((each) => each >= least) ?? scale.frames;
}

/** Where the frame lies on the stage: fit, zoom and pan. */

import type { FramePoint, Size, StagePoint } from "@/core/types";

/** x, y of the frame's upper left corner on the stage and pixels of the stage per pixel of the frame. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** How far in or out: the frame's pixel (x, y) lies in the middle of the stage. null: the frame fits. */
export interface Focus {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const MARGIN = 16; // CSS pixels around a frame that fits
export const MAX_SCALE = 32;

export function fitScale(frame: Size, stage: Size): number {
  const margin = Math.min(MARGIN, stage.width / 20);
  const scale = Math.min(
    (stage.width - 2 * margin) / frame.width,
    (stage.height - 2 * margin) / frame.height,
  );
  return Math.max(0.01, Math.min(scale, 8));
}

export function place(frame: Size, stage: Size, focus: Focus | null): Placement {
  if (focus === null) {
    const scale = fitScale(frame, stage);
    const x = (stage.width - frame.width * scale) / 2;
    return { x, y: (stage.height - frame.height * scale) / 2, scale };
  }
  const { scale } = focus;
  return { x: stage.width / 2 - focus.x * scale, y: stage.height / 2 - focus.y * scale, scale };
}

export function toFrame(point: StagePoint, at: Placement): FramePoint {
  return { x: (point.x - at.x) / at.scale, y: (point.y - at.y) / at.scale };
}

export function toStage(point: FramePoint, at: Placement): StagePoint {
  return { x: point.x * at.scale + at.x, y: point.y * at.scale + at.y } as StagePoint;
}

export function isInside(point: FramePoint, frame: Size): boolean {
  return point.x >= 0 && point.y >= 0 && point.x < frame.width && point.y < frame.height;
}

export function clampTo(point: FramePoint, frame: Size): FramePoint {
  const limit = (value: number, end: number) => Math.max(0, Math.min(end - 0.01, value));
  return { x: limit(point.x, frame.width), y: limit(point.y, frame.height) };
}

/** Zooms by a factor so that what lies under `anchor` stays there. Out beyond the fit means: fit. */
export function zoomAt(
  frame: Size,
  stage: Size,
  focus: Focus | null,
  factor: number,
  anchor: StagePoint,
): Focus | null {
  const before = place(frame, stage, focus);
  const fit = fitScale(frame, stage);
  const scale = Math.min(MAX_SCALE, before.scale * factor);
  if (scale <= fit * 1.001) return null;
  const held = toFrame(anchor, before);
  const x = held.x + (stage.width / 2 - anchor.x) / scale;
  return keepIn(frame, { scale, x, y: held.y + (stage.height / 2 - anchor.y) / scale });
}

export function panBy(frame: Size, stage: Size, focus: Focus | null, dx: number, dy: number): Focus {
  const at = place(frame, stage, focus);
  const middle = toFrame({ x: stage.width / 2, y: stage.height / 2 } as StagePoint, at);
  return keepIn(frame, { scale: at.scale, x: middle.x - dx / at.scale, y: middle.y - dy / at.scale });
}

function keepIn(frame: Size, focus: Focus): Focus {
  const x = Math.max(0, Math.min(frame.width, focus.x));
  return { scale: focus.scale, x, y: Math.max(0, Math.min(frame.height, focus.y)) };
}

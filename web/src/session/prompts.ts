/**
 * What a person says about an object, in pixels of the frame → what the decoder takes
 * (Python's `splitmask.session.prompts`).
 *
 * Points are (x, y). The frame is stretched to the model's S×S square, so x becomes x / W · S; the graph adds the
 * half pixel. A box is two points labelled 2 and 3 that stand before all others, as in SAM 2's official
 * predictors.
 */

import { SplitmaskError } from "@/core/errors";
import type { FrameBox, FramePoint, Prompt, Size } from "@/core/types";
import type { DecodePrompt } from "@/engine/base";

const NO_POINT_LABEL = -1;
const BOX_LABELS = [2, 3] as const;

export function isEmptyPrompt(prompt: Prompt): boolean {
  return prompt.points.length === 0 && prompt.box === null && prompt.mask === null;
}

/**
 * The same prompt with its box cut to the frame. where: what the message begins with, e.g. `frame 3, object 1: `.
 *
 * Throws SplitmaskError `prompt` if nothing is said, a point lies outside the frame, points and labels do not
 * pair, a label is not 0 or 1, a box is out of order or has no area inside the frame, a mask has another size
 * than the frame, or a number is not finite.
 */
export function checkPrompt(prompt: Prompt, size: Size, where = ""): Prompt {
  checkPoints(prompt, size, where);
  const box = prompt.box === null ? null : checkBox(prompt.box, size, where);
  const { mask } = prompt;
  if (mask !== null && (mask.size[0] !== size.height || mask.size[1] !== size.width)) {
    throw wrong(
      `${where}the mask is ${mask.size.join("×")} but the frame is ${size.height}×${size.width} ` +
        "(height × width): give a mask of the frame's own size",
    );
  }
  const checked = { ...prompt, box };
  if (isEmptyPrompt(checked)) {
    throw wrong(`${where}the prompt is empty: give at least one point, a box or a mask`);
  }
  return checked;
}

function checkPoints(prompt: Prompt, size: Size, where: string): void {
  const { points, labels } = prompt;
  if (points.length !== labels.length) {
    const counts = `${points.length} points but ${labels.length} labels`;
    throw wrong(`${where}${counts}: give one label, 1 or 0, per point`);
  }
  points.forEach(({ x, y }, i) => {
    if (x >= 0 && x <= size.width && y >= 0 && y <= size.height) return; // false for NaN too
    const extent = `x runs from 0 to ${size.width}, y from 0 to ${size.height}, in pixels`;
    throw wrong(`${where}point ${i} at (${x}, ${y}) is outside the frame: ${extent}`);
  });
  labels.forEach((label, i) => {
    if (label !== 0 && label !== 1) {
      throw wrong(`${where}label ${i} is ${label}: a label is 1 (the object) or 0 (not the object)`);
    }
  });
}

function checkBox(box: FrameBox, size: Size, where: string): FrameBox {
  const [x0, y0, x1, y1] = box;
  const text = `(${box.join(", ")})`;
  if (box.length !== 4 || !box.every(Number.isFinite) || x0 >= x1 || y0 >= y1) {
    throw wrong(`${where}the box ${text} has no area: give x0, y0, x1, y1 with x0 < x1 and y0 < y1`);
  }
  if (x1 <= 0 || y1 <= 0 || x0 >= size.width || y0 >= size.height) {
    const extent = `x runs from 0 to ${size.width}, y from 0 to ${size.height}, in pixels`;
    throw wrong(`${where}the box ${text} is outside the frame: ${extent}`);
  }
  return [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, size.width), Math.min(y1, size.height)];
}

function wrong(message: string): SplitmaskError {
  return new SplitmaskError("prompt", message);
}

/** Throws SplitmaskError `prompt` unless a clip of so many frames has this one. */
export function checkFrame(frame: number, count: number): void {
  if (Number.isInteger(frame) && frame >= 0 && frame < count) return;
  throw wrong(`frame ${frame} does not exist: choose one of 0 to ${count - 1}`);
}

/** The same prompt. Throws SplitmaskError `prompt` where a mask has company, which in a video it must not. */
export function checkAlone(prompt: Prompt, where = ""): Prompt {
  if (prompt.mask !== null && (prompt.points.length > 0 || prompt.box !== null)) {
    throw wrong(`${where}a mask stands alone in a video: give it without points and box`);
  }
  return prompt;
}

/** Points in the S×S square and labels of one object, box corners first. No point: one (0, 0) labelled −1. */
export function promptTokens(prompt: Prompt, size: Size, side: number): DecodePrompt {
  const corners = prompt.box === null ? [] : cornersOf(prompt.box);
  const points = [...corners, ...prompt.points];
  if (points.length === 0) return noPoints(1);
  return {
    objects: 1,
    points: Float32Array.from(
      points.flatMap(({ x, y }) => [(x / size.width) * side, (y / size.height) * side]),
    ),
    labels: Float32Array.from([...BOX_LABELS.slice(0, corners.length), ...prompt.labels]),
    maskInput: null,
  };
}

function cornersOf([x0, y0, x1, y1]: FrameBox): FramePoint[] {
  return [
    { x: x0, y: y0 },
    { x: x1, y: y1 },
  ];
}

/** What stands for no points, of b objects: (0, 0) labelled −1. */
export function noPoints(objects: number): DecodePrompt {
  return {
    objects,
    points: new Float32Array(objects * 2),
    labels: new Float32Array(objects).fill(NO_POINT_LABEL),
    maskInput: null,
  };
}

/**
 * Whether the mask so far is fed into the next decoding: where more was said, not where something was taken back
 * or said otherwise.
 */
export function refines(old: Prompt | undefined, now: Prompt): boolean {
  if (old === undefined) return true;
  if (now.mask !== null || now.points.length < old.points.length) return false;
  const kept = old.points.every((point, i) => {
    const same = now.points[i];
    return same?.x === point.x && same.y === point.y && now.labels[i] === old.labels[i];
  });
  return kept && (old.box === null || (now.box !== null && old.box.every((v, i) => v === now.box?.[i])));
}

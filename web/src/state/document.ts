/**
 * What a person has made: plain data, never changed in place. Everything here can be undone and is saved.
 *
 * Masks are not in it: they follow from prompts and runs, and lie in the worker and in `MaskCache`.
 */

import type { Prompt } from "@/core/types";
import { NO_PROMPT } from "@/core/types";
import { colorOf } from "@/state/palette";
import type { ClipId, ClipInfo } from "@/worker/contract";

/** How an object's mask joins those of the objects above it in the list. */
export type Combine = "add" | "subtract" | "intersect";
export type MaskView = "overlay" | "cutout" | "erase";

export interface ObjectDoc {
  readonly id: number; // 1, 2, …; never used again in the clip
  readonly name: string;
  readonly color: string; // #rrggbb
  readonly visible: boolean;
  readonly combine: Combine;
}

export interface Display {
  readonly view: MaskView;
  readonly opacity: number; // 0…1, of the overlay's fill
  readonly feather: number; // 0…50 px of the frame
  readonly invert: boolean;
}

export interface ClipDoc {
  readonly id: ClipId;
  readonly name: string;
  readonly kind: ClipInfo["kind"];
  readonly sha256: string; // as in ClipInfo
  readonly objects: readonly ObjectDoc[];
  readonly nextObject: number;
  readonly prompts: Readonly<Record<string, Prompt>>; // by promptKey
  readonly display: Display;
  readonly range: readonly [number, number] | null; // in and out, half-open; null: the whole clip
}

export interface StudioDoc {
  readonly name: string;
  readonly order: readonly ClipId[];
  readonly clips: Readonly<Record<ClipId, ClipDoc>>;
}

export const DISPLAY: Display = { view: "overlay", opacity: 0.55, feather: 0, invert: false };
export const MAX_FEATHER = 50; // px
export const EMPTY_DOC: StudioDoc = { name: "Untitled", order: [], clips: {} };

export function promptKey(object: number, frame: number): string {
  return `${object}@${frame}`;
}

export function fromPromptKey(key: string): { object: number; frame: number } {
  const [object, frame] = key.split("@");
  return { object: Number(object), frame: Number(frame) };
}

export function isEmptyPrompt(prompt: Prompt): boolean {
  return prompt.points.length === 0 && prompt.box === null && prompt.mask === null;
}

/** With the objects that a bundle came with, and what was said of them. */
export function newClip(info: ClipInfo): ClipDoc {
  const { id, name, kind, sha256, given = [] } = info;
  const objects = given.map((each) => ({ ...begun(each.object, each.name), color: each.color }));
  const said = given.flatMap(({ object, prompt }) =>
    prompt === null ? [] : [[promptKey(object, 0), prompt]],
  );
  return {
    ...{ id, name, kind, sha256, objects, display: DISPLAY, range: null },
    nextObject: Math.max(0, ...given.map((each) => each.object)) + 1,
    prompts: Object.fromEntries(said),
  };
}

function begun(id: number, name: string): ObjectDoc {
  return { id, name, color: colorOf(id - 1), visible: true, combine: "add" };
}

export function withClip(doc: StudioDoc, clip: ClipDoc): StudioDoc {
  const order = doc.order.includes(clip.id) ? doc.order : [...doc.order, clip.id];
  return { ...doc, order, clips: { ...doc.clips, [clip.id]: clip } };
}

export function withoutClip(doc: StudioDoc, id: ClipId): StudioDoc {
  const { [id]: _gone, ...clips } = doc.clips;
  return { ...doc, order: doc.order.filter((each) => each !== id), clips };
}

export function addObject(clip: ClipDoc, name = `Object ${clip.nextObject}`): ClipDoc {
  const id = clip.nextObject;
  return { ...clip, objects: [...clip.objects, begun(id, name)], nextObject: id + 1 };
}

export function editObject(clip: ClipDoc, id: number, edit: Partial<Omit<ObjectDoc, "id">>): ClipDoc {
  return { ...clip, objects: clip.objects.map((each) => (each.id === id ? { ...each, ...edit } : each)) };
}

/** The object and all that was said of it. */
export function removeObject(clip: ClipDoc, id: number): ClipDoc {
  const prompts = Object.entries(clip.prompts).filter(([key]) => fromPromptKey(key).object !== id);
  return {
    ...clip,
    objects: clip.objects.filter((each) => each.id !== id),
    prompts: Object.fromEntries(prompts),
  };
}

export function moveObject(clip: ClipDoc, id: number, to: number): ClipDoc {
  const moved = clip.objects.find((each) => each.id === id);
  if (moved === undefined) return clip;
  const others = clip.objects.filter((each) => each.id !== id);
  return { ...clip, objects: [...others.slice(0, to), moved, ...others.slice(to)] };
}

export function promptAt(clip: ClipDoc, object: number, frame: number): Prompt {
  return clip.prompts[promptKey(object, frame)] ?? NO_PROMPT;
}

/** An empty prompt takes back what was said there. */
export function setPrompt(clip: ClipDoc, object: number, frame: number, prompt: Prompt): ClipDoc {
  const key = promptKey(object, frame);
  const { [key]: _old, ...others } = clip.prompts;
  return { ...clip, prompts: isEmptyPrompt(prompt) ? others : { ...others, [key]: prompt } };
}

export function clearClip(clip: ClipDoc): ClipDoc {
  return { ...clip, objects: [], prompts: {} };
}

/** Frames on which something was said of an object, in order. */
export function promptedFrames(clip: ClipDoc, object: number): readonly number[] {
  const keys = Object.keys(clip.prompts).map(fromPromptKey);
  return keys
    .filter((key) => key.object === object)
    .map((key) => key.frame)
    .sort((a, b) => a - b);
}

/** In and out, half-open; the whole clip is no range. */
export function setRange(clip: ClipDoc, [from, until]: readonly [number, number], frames: number): ClipDoc {
  const start = Math.max(0, Math.min(from, frames - 1));
  const end = Math.max(start + 1, Math.min(until, frames));
  return { ...clip, range: start === 0 && end === frames ? null : [start, end] };
}

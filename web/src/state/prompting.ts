/** What a person says of an object on the frame under the playhead. */

import type { FrameBox, FramePoint, Prompt, Rle } from "@/core/types";
import { NO_PROMPT } from "@/core/types";
import {
  addObject,
  type ClipDoc,
  clearClip,
  editObject,
  isEmptyPrompt,
  type ObjectDoc,
  promptAt,
  removeObject,
  setPrompt,
} from "@/state/document";
import type { Keepsake } from "@/state/history";
import { notify, report } from "@/state/notices";
import { changeClip, currentClip, currentInfo, currentObject, type Studio, say } from "@/state/studio";
import type { TakeAwayRequest } from "@/worker/contract";

/** Prompts of one object on one frame only ever grow by points, or are replaced by a box or a mask. */
function changePrompt(studio: Studio, label: string, edit: (prompt: Prompt) => Prompt, merge?: string): void {
  const { frame } = studio.live.getState();
  const object = currentObject(studio)?.id ?? null;
  if (object === null) begin(studio, label, edit(NO_PROMPT), merge);
  else
    changeClip(
      studio,
      label,
      (clip) => setPrompt(clip, object, frame, edit(promptAt(clip, object, frame))),
      merge,
    );
}

/** The first prompt of a new object: both are one step of history. */
function begin(studio: Studio, label: string, prompt: Prompt, merge?: string): void {
  const clip = currentClip(studio);
  if (clip === null || isEmptyPrompt(prompt)) return;
  const object = clip.nextObject;
  const { frame } = studio.live.getState();
  studio.live.setState({ object });
  changeClip(studio, label, (now) => setPrompt(addObject(now), object, frame, prompt), merge);
}

export function addPoint(studio: Studio, point: FramePoint, label: 0 | 1): void {
  if (label === 0 && !hasSomething(studio)) {
    notify(studio, {
      level: "info",
      title: "Include something first",
      text: "An exclude point takes away from a mask: click the object once, then what does not belong to it.",
    });
    return;
  }
  changePrompt(studio, label === 1 ? "Add include point" : "Add exclude point", (prompt) => ({
    points: [...prompt.points, rounded(point)],
    labels: [...prompt.labels, label],
    box: prompt.box,
    mask: null,
  }));
  say(
    studio,
    `${label === 1 ? "Include" : "Exclude"} point at ${Math.round(point.x)}, ${Math.round(point.y)}`,
  );
}

function hasSomething(studio: Studio): boolean {
  const clip = currentClip(studio);
  const object = currentObject(studio);
  if (clip === null || object === null) return false;
  const { frame } = studio.live.getState();
  const masked = studio.masks.get(clip.id, frame)?.masks.some((each) => each.object === object.id) ?? false;
  return masked || !isEmptyPrompt(promptAt(clip, object.id, frame));
}

function rounded(point: FramePoint): FramePoint {
  return { x: Math.round(point.x * 10) / 10, y: Math.round(point.y * 10) / 10 };
}

export function movePoint(studio: Studio, index: number, to: FramePoint): void {
  changePrompt(
    studio,
    "Move point",
    (prompt) => ({ ...prompt, points: prompt.points.map((old, i) => (i === index ? rounded(to) : old)) }),
    `move-${index}`,
  );
}

export function removePoint(studio: Studio, index: number): void {
  changePrompt(studio, "Remove point", (prompt) => ({
    ...prompt,
    points: prompt.points.filter((_, i) => i !== index),
    labels: prompt.labels.filter((_, i) => i !== index),
  }));
}

/** While it is drawn the same gesture replaces it again and again. */
export function setBox(studio: Studio, box: FrameBox): void {
  const [x0, y0, x1, y1] = box.map((value) => Math.round(value)) as [number, number, number, number];
  const whole: FrameBox = [x0, y0, x1, y1];
  changePrompt(studio, "Draw box", (prompt) => ({ ...prompt, box: whole, mask: null }), "box");
}

export function removeBox(studio: Studio): void {
  changePrompt(studio, "Remove box", (prompt) => ({ ...prompt, box: null }));
}

export function setBrushedMask(studio: Studio, mask: Rle): void {
  changePrompt(studio, "Brush mask", () => ({ ...NO_PROMPT, mask }));
}

export function removePromptHere(studio: Studio): void {
  changePrompt(studio, "Remove prompts on this frame", () => NO_PROMPT);
}

export function newObject(studio: Studio): void {
  const clip = currentClip(studio);
  if (clip === null) return;
  const object = clip.nextObject;
  changeClip(studio, "Add object", (now) => addObject(now));
  studio.live.setState({ object, active: true });
  say(studio, `Object ${object} added. Click it on the stage.`);
}

export function changeObject(
  studio: Studio,
  id: number,
  label: string,
  edit: Partial<Omit<ObjectDoc, "id">>,
): void {
  changeClip(studio, label, (clip) => editObject(clip, id, edit), `${label}-${id}`);
}

/** Undo brings the masks back as well: they are kept beside the step. */
async function withKeepsake(studio: Studio, clip: ClipDoc): Promise<Keepsake | null> {
  const hasMasks = clip.kind === "bundle" || Object.keys(clip.prompts).length > 0;
  if (clip.objects.length === 0 || !hasMasks) return null;
  try {
    return { clip: clip.id, result: await studio.worker.exportResult(clip.id, labelsOf(clip), true) };
  } catch {
    return null; // the prompts come back in any case, and with them the masks of their frames
  }
}

export function labelsOf(clip: ClipDoc): TakeAwayRequest["labels"] {
  return clip.objects.map(({ id, name, color, combine }) => ({ object: id, name, color, combine }));
}

async function changeForGood(studio: Studio, label: string, edit: (clip: ClipDoc) => ClipDoc): Promise<void> {
  const clip = currentClip(studio);
  if (clip === null) return;
  const keepsake = await withKeepsake(studio, clip);
  studio.history.change(
    label,
    (doc) => {
      const now = doc.clips[clip.id];
      return now === undefined ? doc : { ...doc, clips: { ...doc.clips, [clip.id]: edit(now) } };
    },
    keepsake === null ? {} : { keepsake },
  );
}

export async function deleteObject(studio: Studio, id: number): Promise<void> {
  const name = currentClip(studio)?.objects.find((each) => each.id === id)?.name ?? "Object";
  await changeForGood(studio, `Delete ${name}`, (clip) => removeObject(clip, id));
  const left = currentClip(studio)?.objects.at(-1)?.id ?? null;
  if (studio.live.getState().object === id) studio.live.setState({ object: left });
}

export async function clearAll(studio: Studio): Promise<void> {
  const clip = currentClip(studio);
  if (clip === null || clip.objects.length === 0) return;
  await changeForGood(studio, "Clear all", clearClip);
  studio.masks.dropClip(clip.id);
  studio.live.setState({ object: null, hover: null });
}

/** A guess at the prominent object, as an object of its own unless the selected one is still empty. */
export async function autoDetect(studio: Studio): Promise<void> {
  const info = currentInfo(studio);
  const { frame } = studio.live.getState();
  if (info === null) return;
  studio.live.setState({ pending: studio.live.getState().pending + 1 });
  try {
    const { prompt } = await studio.worker.autoDetect(info.id, frame);
    const object = currentObject(studio);
    const clip = currentClip(studio);
    const unused = object !== null && clip !== null && !hasPrompts(clip, object.id);
    if (!unused) studio.live.setState({ object: null });
    changePrompt(studio, "Auto-detect", () => prompt);
    say(studio, "Auto-detect has found an object");
  } catch (error) {
    report(studio, error, { label: "Try again", go: () => void autoDetect(studio) });
  } finally {
    studio.live.setState({ pending: Math.max(0, studio.live.getState().pending - 1) });
  }
}

function hasPrompts(clip: ClipDoc, object: number): boolean {
  return Object.keys(clip.prompts).some((key) => key.startsWith(`${object}@`));
}

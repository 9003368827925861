/**
 * The worker hears what the document says.
 *
 * The document is the truth; after any change of it (a click, an undo, a project that was opened) what the
 * worker was told is compared with it and the difference is sent. Prompts are compared by identity: documents
 * share what did not change.
 */

import type { Prompt } from "@/core/types";
import { type ClipDoc, fromPromptKey } from "@/state/document";
import { report } from "@/state/notices";
import type { Studio } from "@/state/studio";
import type { ClipId, Decision } from "@/worker/contract";

/** Keeps the worker in step from now on. Returns how to stop. */
export function keepInStep(studio: Studio): () => void {
  const stops = [
    studio.history.store.subscribe(() => syncAll(studio)),
    studio.live.subscribe((now, before) => {
      if (now.model?.status !== before.model?.status || now.infos !== before.infos) syncAll(studio);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

export function syncAll(studio: Studio): void {
  const { model, infos } = studio.live.getState();
  if (model?.status !== "ready") return;
  for (const clip of Object.values(studio.history.doc().clips)) {
    if (infos[clip.id] !== undefined) syncClip(studio, clip);
  }
}

/** What the worker knows already, e.g. because a result with these prompts was given to it. */
export function markTold(studio: Studio, clip: ClipDoc): void {
  studio.told.set(clip.id, new Map(Object.entries(clip.prompts)));
}

export function syncClip(studio: Studio, clip: ClipDoc): void {
  const told = studio.told.get(clip.id) ?? new Map<string, Prompt>();
  studio.told.set(clip.id, new Map(Object.entries(clip.prompts)));
  const kept = new Set(clip.objects.map((each) => each.id));
  const gone = new Set<number>();
  for (const key of told.keys()) {
    const { object, frame } = fromPromptKey(key);
    if (!kept.has(object)) gone.add(object);
    else if (clip.prompts[key] === undefined) void forget(studio, clip.id, object, frame);
  }
  for (const object of gone) void drop(studio, clip.id, object);
  for (const [key, prompt] of Object.entries(clip.prompts)) {
    if (told.get(key) !== prompt) void tell(studio, clip.id, key, prompt);
  }
}

async function tell(studio: Studio, clip: ClipId, key: string, prompt: Prompt): Promise<void> {
  const { object, frame } = fromPromptKey(key);
  const began = performance.now();
  wait(studio, 1);
  try {
    const decision = await studio.worker.prompt(clip, object, frame, prompt);
    if (decision !== null) hear(studio, clip, frame, decision, performance.now() - began);
  } catch (error) {
    studio.told.get(clip)?.delete(key);
    report(studio, error, { label: "Try again", go: () => syncAll(studio) });
  } finally {
    wait(studio, -1);
  }
}

function hear(studio: Studio, clip: ClipId, frame: number, decision: Decision, answer: number): void {
  studio.masks.putObject(clip, frame, decision.mask);
  studio.live.setState({ answer, hover: null });
  refreshStrips(studio, clip);
}

async function forget(studio: Studio, clip: ClipId, object: number, frame: number): Promise<void> {
  try {
    await studio.worker.removePrompt(clip, object, frame);
    await refetch(studio, clip, frame);
    refreshStrips(studio, clip);
  } catch (error) {
    report(studio, error);
  }
}

async function drop(studio: Studio, clip: ClipId, object: number): Promise<void> {
  studio.masks.dropObject(clip, object);
  try {
    await studio.worker.removeObject(clip, object);
    refreshStrips(studio, clip);
  } catch (error) {
    report(studio, error);
  }
}

export async function refetch(studio: Studio, clip: ClipId, frame: number): Promise<void> {
  const [masks] = await studio.worker.masks(clip, [frame]);
  studio.masks.put(clip, masks ?? { frame, masks: [] });
}

function wait(studio: Studio, change: number): void {
  studio.live.setState({ pending: Math.max(0, studio.live.getState().pending + change) });
}

const refreshing = new WeakMap<Studio, Map<ClipId, "running" | "again">>();

/** One request at a time for a clip; a burst of calls ends in one more. */
export function refreshStrips(studio: Studio, clip: ClipId): void {
  const states = refreshing.get(studio) ?? new Map<ClipId, "running" | "again">();
  refreshing.set(studio, states);
  if (states.has(clip)) {
    states.set(clip, "again");
    return;
  }
  states.set(clip, "running");
  void fetchStrips(studio, clip).finally(() => {
    const again = states.get(clip) === "again";
    states.delete(clip);
    if (again) refreshStrips(studio, clip);
  });
}

async function fetchStrips(studio: Studio, clip: ClipId): Promise<void> {
  try {
    const strips = await studio.worker.strips(clip);
    studio.live.setState({ strips: { ...studio.live.getState().strips, [clip]: strips } });
  } catch (error) {
    report(studio, error);
  }
}

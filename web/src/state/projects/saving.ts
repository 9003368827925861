/** Saves continuously: the document a moment after each change. The worker keeps the masks itself. */

import type { Live } from "@/state/live";
import { report } from "@/state/notices";
import { putProject } from "@/state/projects/database";
import { keepAgain } from "@/state/projects/keeping";
import type { Studio } from "@/state/studio";

const QUIET = 400; // milliseconds after the last change
const LONGEST = 15_000; // between two attempts

/** A small picture of the stage for the list of projects. */
export type Snapshot = () => Promise<Blob | null>;

export interface Saver {
  flush(): Promise<void>;
  stop(): void;
}

export function startSaving(studio: Studio, snapshot: Snapshot): Saver {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let saving: Promise<void> = Promise.resolve();
  let picture: Blob | null = null;
  let failures = 0; // in a row

  function soon(): void {
    const { projectId, saving: state } = studio.live.getState();
    if (projectId === null) return;
    if (state === "saved") studio.live.setState({ saving: "saving" });
    flushIn(QUIET);
  }

  function flushIn(milliseconds: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => void flush(), milliseconds);
  }

  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    saving = saving.then(write);
    return saving;
  }

  /** What found no room is tried again in a while, and at the next change. */
  async function write(): Promise<void> {
    if (studio.live.getState().projectId === null) return;
    const saved = await isSaved();
    const kept = await keepAgain(studio);
    failures = saved && kept ? 0 : failures + 1;
    if (failures > 0 && timer === null) flushIn(Math.min(LONGEST, QUIET * 2 ** failures));
  }

  async function isSaved(): Promise<boolean> {
    try {
      await save();
      if (timer === null) studio.live.setState({ saving: "saved" });
      return true;
    } catch (error) {
      const told = studio.live.getState().saving === "memory";
      studio.live.setState({ saving: "memory" });
      if (!told) report(studio, error);
      return false;
    }
  }

  async function save(): Promise<void> {
    const { projectId, clip, frame } = studio.live.getState();
    if (projectId === null) return;
    const doc = studio.history.doc();
    picture = (await glance(studio, snapshot)) ?? picture;
    await putProject({ id: projectId, updated: Date.now(), doc, picture, selected: clip, frame });
  }

  const stops = [
    studio.history.store.subscribe((now, before) => now.doc !== before.doc && soon()),
    studio.live.subscribe((now, before) => isNews(now, before) && soon()),
  ];
  const leaving = () => void flush();
  document.addEventListener("visibilitychange", leaving);
  return {
    flush,
    stop() {
      for (const stop of stops) stop();
      document.removeEventListener("visibilitychange", leaving);
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function isNews(now: Live, before: Live): boolean {
  const stopped = isRunning(now) !== isRunning(before);
  return now.clip !== before.clip || stopped || now.unkept.length > before.unkept.length;
}

/** Reading the stage back takes a moment: not while it is busy. */
function glance(studio: Studio, snapshot: Snapshot): Promise<Blob | null> {
  const { run, playing } = studio.live.getState();
  return run !== null || playing ? Promise.resolve(null) : snapshot().catch(() => null);
}

function isRunning(live: Live): boolean {
  return live.run !== null;
}

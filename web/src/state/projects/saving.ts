/** Saves continuously: the document a moment after each change. The worker keeps the masks itself. */

import type { Live } from "@/state/live";
import { report } from "@/state/notices";
import { putProject } from "@/state/projects/database";
import type { Studio } from "@/state/studio";

const QUIET = 400; // milliseconds after the last change

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

  function soon(): void {
    const { projectId, saving: state } = studio.live.getState();
    if (projectId === null) return;
    if (state === "saved") studio.live.setState({ saving: "saving" });
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => void flush(), QUIET);
  }

  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    saving = saving.then(write);
    return saving;
  }

  async function write(): Promise<void> {
    const { projectId, clip, frame } = studio.live.getState();
    if (projectId === null) return;
    try {
      const doc = studio.history.doc();
      picture = (await glance(studio, snapshot)) ?? picture;
      await putProject({ id: projectId, updated: Date.now(), doc, picture, selected: clip, frame });
      if (timer === null && studio.live.getState().saving === "saving")
        studio.live.setState({ saving: "saved" });
    } catch (error) {
      studio.live.setState({ saving: "memory" });
      report(studio, error);
    }
  }

  const stops = [
    studio.history.store.subscribe((now, before) => now.doc !== before.doc && soon()),
    studio.live.subscribe(
      (now, before) => (now.clip !== before.clip || isRunning(now) !== isRunning(before)) && soon(),
    ),
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

/** Reading the stage back takes a moment: not while it is busy. */
function glance(studio: Studio, snapshot: Snapshot): Promise<Blob | null> {
  const { run, playing } = studio.live.getState();
  return run !== null || playing ? Promise.resolve(null) : snapshot().catch(() => null);
}

function isRunning(live: Live): boolean {
  return live.run !== null;
}

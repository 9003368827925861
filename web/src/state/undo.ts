/** Undo and redo, with the masks that a step has taken away. */

import type { Entry } from "@/state/history";
import { report } from "@/state/notices";
import { currentClip, type Studio, say } from "@/state/studio";
import { markTold, refetch, refreshStrips, syncAll } from "@/state/sync";

export function undo(studio: Studio): void {
  const entry = studio.history.undo();
  if (entry === null) return;
  say(studio, `Undone: ${entry.label}`);
  if (entry.keepsake !== null) void bringBack(studio, entry);
  settle(studio);
}

export function redo(studio: Studio): void {
  const entry = studio.history.redo();
  if (entry === null) return;
  say(studio, `Redone: ${entry.label}`);
  settle(studio);
}

/** The selected object may have gone or come back. */
function settle(studio: Studio): void {
  const clip = currentClip(studio);
  const { object } = studio.live.getState();
  studio.live.setState({ hover: null });
  if (clip === null || clip.objects.some((each) => each.id === object)) return;
  studio.live.setState({ object: clip.objects.at(-1)?.id ?? null });
}

async function bringBack(studio: Studio, entry: Entry): Promise<void> {
  const keepsake = entry.keepsake;
  const clip = keepsake === null ? undefined : studio.history.doc().clips[keepsake.clip];
  if (keepsake === null || clip === undefined) return;
  try {
    await studio.worker.importResult(keepsake.clip, keepsake.result);
    markTold(studio, clip);
    studio.masks.dropClip(keepsake.clip);
    const { clip: shown, frame } = studio.live.getState();
    if (shown === keepsake.clip) await refetch(studio, shown, frame); // nobody moves, so nobody asks for it
    refreshStrips(studio, keepsake.clip);
    syncAll(studio);
  } catch (error) {
    report(studio, error);
  }
}

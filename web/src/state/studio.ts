/** The studio's parts in one value that commands take. No framework and no globals. */

import type { StoreApi } from "zustand/vanilla";
import type { Prompt } from "@/core/types";
import type { FrameSource } from "@/media/player";
import { type ClipDoc, EMPTY_DOC, type ObjectDoc, type StudioDoc } from "@/state/document";
import { createHistory, type History } from "@/state/history";
import { createLive, type Live } from "@/state/live";
import { MaskCache } from "@/state/masks";
import type { RemoteSegmenter } from "@/worker/client";
import type { ClipId, ClipInfo } from "@/worker/contract";

export interface Studio {
  readonly history: History<StudioDoc>;
  readonly live: StoreApi<Live>;
  readonly masks: MaskCache;
  readonly worker: RemoteSegmenter;
  readonly sources: Map<ClipId, FrameSource>; // frames for the stage
  readonly files: Map<ClipId, File>; // what was opened
  readonly told: Map<ClipId, Map<string, Prompt>>; // prompts that the worker knows
}

export function createStudio(worker: RemoteSegmenter, live: Partial<Live> = {}): Studio {
  return {
    history: createHistory(EMPTY_DOC),
    live: createLive(live),
    masks: new MaskCache(),
    worker,
    sources: new Map(),
    files: new Map(),
    told: new Map(),
  };
}

export function currentClip(studio: Studio): ClipDoc | null {
  const { clip } = studio.live.getState();
  return clip === null ? null : (studio.history.doc().clips[clip] ?? null);
}

export function currentInfo(studio: Studio): ClipInfo | null {
  const { clip, infos } = studio.live.getState();
  return clip === null ? null : (infos[clip] ?? null);
}

export function currentObject(studio: Studio): ObjectDoc | null {
  const { object } = studio.live.getState();
  return currentClip(studio)?.objects.find((each) => each.id === object) ?? null;
}

/** Whether the clip has a sound that is heard while it plays. */
export function hasSound(studio: Studio): boolean {
  const { clip } = studio.live.getState();
  return clip !== null && (studio.sources.get(clip)?.hasSound ?? false);
}

/** In and out of a clip, half-open. */
export function rangeOf(clip: ClipDoc, info: ClipInfo): readonly [number, number] {
  return clip.range ?? [0, info.frames];
}

/** A change of the selected clip that can be undone. Read-only projects refuse it. */
export function changeClip(
  studio: Studio,
  label: string,
  edit: (clip: ClipDoc) => ClipDoc,
  merge?: string,
): void {
  const { clip: id } = studio.live.getState();
  if (id === null) return;
  const options = merge === undefined ? {} : { merge };
  studio.history.change(
    label,
    (doc) => {
      const clip = doc.clips[id];
      return clip === undefined ? doc : { ...doc, clips: { ...doc.clips, [id]: edit(clip) } };
    },
    options,
  );
}

export function say(studio: Studio, announcement: string): void {
  studio.live.setState({ announcement });
}

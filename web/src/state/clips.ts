/** Clips: opened, selected, closed. */

import { SplitmaskError } from "@/core/errors";
import { FrameSource } from "@/media/player";
import { newClip, withClip, withoutClip } from "@/state/document";
import { lower, notify, raise, report } from "@/state/notices";
import { type Studio, say } from "@/state/studio";
import { refreshStrips } from "@/state/sync";
import type { ClipId, ClipInfo } from "@/worker/contract";

/** What the stage takes its frames from: a bundle's is its preview picture. */
export type Preview = (file: File) => Promise<File>;

let preview: Preview | null = null;

/** How a bundle's picture is found (api/bundles); kept apart so that this room does not import that one. */
export function setPreview(found: Preview): void {
  preview = found;
}

export async function openFile(studio: Studio, file: File, id: ClipId): Promise<ClipInfo | null> {
  studio.live.setState({ opening: file.name });
  try {
    if (file.size === 0) throw new SplitmaskError("media.broken", `${file.name} is empty`);
    const info = await attach(studio, file, id);
    studio.history.amend((doc) => withClip(doc, doc.clips[id] ?? newClip(info)));
    if (studio.history.doc().name === "Untitled") {
      studio.history.amend((doc) => ({ ...doc, name: file.name.replace(/\.[^.]+$/, "") }));
    }
    selectClip(studio, id);
    tellApart(studio, info);
    say(studio, `${info.name} is open: ${info.width} by ${info.height}, ${info.frames} frames`);
    return info;
  } catch (error) {
    report(studio, error);
    return null;
  } finally {
    studio.live.setState({ opening: null });
  }
}

/** The worker and the stage each read the file on their own. */
export async function attach(studio: Studio, file: File, id: ClipId): Promise<ClipInfo> {
  const info = await studio.worker.openClip(id, file);
  const shown = info.kind === "bundle" && preview !== null ? await preview(file) : file;
  const source = await FrameSource.open(shown);
  await studio.sources.get(id)?.close();
  studio.sources.set(id, source);
  studio.files.set(id, file);
  const { infos, missing } = studio.live.getState();
  studio.live.setState({ infos: { ...infos, [id]: info }, missing: missing.filter((each) => each !== id) });
  return info;
}

function tellApart(studio: Studio, info: ClipInfo): void {
  if (!info.variableRate) return;
  const text = `${info.name} has a variable frame rate: every frame keeps its own time.`;
  notify(studio, { level: "info", title: "Variable frame rate", text });
}

export function selectClip(studio: Studio, id: ClipId): void {
  stopPlaying(studio);
  const objects = studio.history.doc().clips[id]?.objects ?? [];
  studio.live.setState({
    clip: id,
    frame: 0,
    object: objects[0]?.id ?? null,
    hover: null,
    crosshair: null,
    zoom: null,
    active: true,
  });
  if (studio.live.getState().infos[id] !== undefined) refreshStrips(studio, id);
}

export async function closeClip(studio: Studio, id: ClipId): Promise<void> {
  const { order } = studio.history.doc();
  const next = order.filter((each) => each !== id).at(-1) ?? null;
  stopPlaying(studio);
  studio.history.reset(withoutClip(studio.history.doc(), id));
  await detach(studio, id);
  if (studio.live.getState().clip !== id) return;
  if (next === null) studio.live.setState({ clip: null, object: null, active: false });
  else selectClip(studio, next);
}

export async function detach(studio: Studio, id: ClipId): Promise<void> {
  const { [id]: _info, ...infos } = studio.live.getState().infos;
  studio.live.setState({ infos });
  studio.told.delete(id);
  studio.masks.dropClip(id);
  studio.files.delete(id);
  await studio.sources.get(id)?.close();
  studio.sources.delete(id);
  await studio.worker.closeClip(id).catch(() => undefined); // it may not have been open there
}

/** Moves the playhead; a run no longer leads it. */
export function seek(studio: Studio, frame: number): void {
  const { clip, infos, run } = studio.live.getState();
  const info = clip === null ? undefined : infos[clip];
  if (info === undefined) return;
  stopPlaying(studio);
  const to = Math.max(0, Math.min(info.frames - 1, Math.round(frame)));
  studio.live.setState({
    frame: to,
    hover: null,
    ...(run === null ? {} : { run: { ...run, follow: false } }),
  });
  ensureMasks(studio, info.id, to);
}

export function step(studio: Studio, by: number): void {
  seek(studio, studio.live.getState().frame + by);
}

export function stopPlaying(studio: Studio): void {
  if (studio.live.getState().playing) studio.live.setState({ playing: false });
}

const AHEAD = 24; // frames fetched together: one message instead of many while playing
const asked = new WeakMap<Studio, Set<string>>();

/** Fetches masks that the page does not have, with those of the next frames. */
export function ensureMasks(studio: Studio, clip: ClipId, frame: number): void {
  const frames = studio.live.getState().infos[clip]?.frames ?? 0;
  const waiting = asked.get(studio) ?? new Set<string>();
  asked.set(studio, waiting);
  const wanted: number[] = [];
  for (let at = frame; at < Math.min(frames, frame + AHEAD); at++) {
    if (studio.masks.get(clip, at) === undefined && !waiting.has(`${clip}:${at}`)) wanted.push(at);
  }
  if (wanted.length === 0 || (wanted[0] !== frame && wanted.length < AHEAD / 2)) return;
  for (const at of wanted) waiting.add(`${clip}:${at}`);
  void fetchMasks(studio, clip, wanted).finally(() => {
    for (const at of wanted) waiting.delete(`${clip}:${at}`);
  });
}

async function fetchMasks(studio: Studio, clip: ClipId, frames: readonly number[]): Promise<void> {
  try {
    const found = new Map((await studio.worker.masks(clip, frames)).map((each) => [each.frame, each]));
    for (const frame of frames) {
      if (studio.masks.get(clip, frame) === undefined) {
        studio.masks.put(clip, found.get(frame) ?? { frame, masks: [] });
      }
    }
  } catch (error) {
    report(studio, error);
  }
}

export function watchIsolation(studio: Studio): void {
  if (globalThis.crossOriginIsolated) lower(studio, "isolation");
  else
    raise(studio, {
      key: "isolation",
      level: "info",
      title: "One thread only",
      text: "This page is not cross-origin isolated, so the model runs on one core. The server has to send the COOP and COEP headers; “splitmask studio” does.",
      way: null,
    });
}

/** Projects: begun, opened again, taken to another machine. */

import { toFault } from "@/core/errors";
import type { FrameMasks } from "@/core/types";
import { attach, detach, openFile, selectClip } from "@/state/clips";
import { type ClipDoc, EMPTY_DOC, type StudioDoc, withClip } from "@/state/document";
import { notify, report } from "@/state/notices";
import { type ArchivedClip, type Packed, pack, unpack } from "@/state/projects/archive";
import { getMasks, getProject, type ProjectRecord, putMasks } from "@/state/projects/database";
import { keepFile, keptFile } from "@/state/projects/files";
import { type Hold, hold, takeOver } from "@/state/projects/lock";
import { framesOf, promptsOf, resultOf } from "@/state/projects/result";
import { labelsOf } from "@/state/prompting";
import { type Studio, say } from "@/state/studio";
import { markTold, refreshStrips } from "@/state/sync";
import type { ClipId } from "@/worker/contract";

const LAST = "splitmask.project";
let held: Hold | null = null;

/** Files into the open project, or into a new one where there is none. */
export async function addFiles(studio: Studio, files: readonly File[]): Promise<void> {
  for (const file of files) {
    if (file.name.endsWith(".splitmask")) await importProject(studio, file);
    else await addFile(studio, file);
  }
}

async function addFile(studio: Studio, file: File): Promise<void> {
  if (await findAgain(studio, file)) return;
  if (studio.live.getState().projectId === null) await begin(studio, crypto.randomUUID());
  const info = await openFile(studio, file, crypto.randomUUID());
  if (info !== null) await keep(studio, info.id, file);
}

async function keep(studio: Studio, clip: ClipId, file: File): Promise<void> {
  const { projectId } = studio.live.getState();
  if (projectId === null) return;
  try {
    await keepFile(projectId, clip, file);
  } catch (error) {
    const text = toFault(error).message;
    notify(studio, {
      level: "warning",
      title: "Not kept for next time",
      text: `${text.charAt(0).toUpperCase()}${text.slice(1)}.`,
      way: { label: "Storage…", go: () => studio.live.setState({ dialog: "storage" }) },
    });
  }
}

async function begin(studio: Studio, id: string): Promise<void> {
  held?.release();
  held = await hold(id, () => lose(studio));
  sessionStorage.setItem(LAST, id);
  studio.live.setState({ projectId: id, saving: "saved" });
}

function lose(studio: Studio): void {
  held = null;
  studio.live.setState({ saving: "readonly" });
  const title = "Opened in another tab";
  notify(studio, { level: "warning", title, text: "That tab saves now; here the project is for viewing." });
}

export async function newProject(studio: Studio): Promise<void> {
  for (const id of studio.history.doc().order) await detach(studio, id);
  held?.release();
  held = null;
  sessionStorage.removeItem(LAST);
  studio.history.reset(EMPTY_DOC);
  studio.live.setState({ projectId: null, clip: null, object: null, missing: [], strips: {}, active: false });
}

/** After a reload or a crash: what this tab had open. */
export async function resume(studio: Studio): Promise<boolean> {
  const last = sessionStorage.getItem(LAST);
  if (last === null) return false;
  return openProject(studio, last).catch((error) => {
    report(studio, error);
    return false;
  });
}

export async function openProject(studio: Studio, id: string): Promise<boolean> {
  const record = await getProject(id);
  if (record === null) return false;
  await newProject(studio);
  const mine = await hold(id, () => lose(studio));
  held = mine;
  sessionStorage.setItem(LAST, id);
  studio.history.reset(record.doc);
  studio.live.setState({
    projectId: id,
    saving: mine === null ? "readonly" : "saved",
    missing: record.doc.order,
  });
  if (mine === null) offerTakeOver(studio, id);
  await restoreClips(studio, record);
  return true;
}

function offerTakeOver(studio: Studio, id: string): void {
  notify(studio, {
    level: "warning",
    title: "Open in another tab",
    text: "That tab saves the project. Here it is for viewing: changes are not kept.",
    way: { label: "Edit here instead", go: () => void takeHere(studio, id) },
  });
}

async function takeHere(studio: Studio, id: string): Promise<void> {
  held = await takeOver(id, () => lose(studio));
  if (held === null) return offerTakeOver(studio, id);
  await openProject(studio, id);
}

async function restoreClips(studio: Studio, record: ProjectRecord): Promise<void> {
  const masks = await getMasks(record.id);
  for (const id of record.doc.order) {
    const clip = record.doc.clips[id];
    const file = await keptFile(record.id, id);
    if (clip === undefined || file === null) continue;
    studio.live.setState({ opening: clip.name });
    try {
      const own = masks.filter((each) => each.clip === id).map((each) => each.masks);
      await restoreClip(studio, clip, file, own);
    } catch (error) {
      report(studio, error);
    }
  }
  studio.live.setState({ opening: null });
  const first = record.selected ?? record.doc.order[0];
  if (first === undefined || studio.live.getState().infos[first] === undefined) return askForMissing(studio);
  selectClip(studio, first);
  studio.live.setState({
    frame: Math.min(record.frame, (studio.live.getState().infos[first]?.frames ?? 1) - 1),
  });
  askForMissing(studio);
  say(studio, `${record.doc.name} is open`);
}

/** The result goes in before the page says that the clip is there, so that no prompt is decoded again. */
async function restoreClip(studio: Studio, clip: ClipDoc, file: File, frames: FrameMasks[]): Promise<void> {
  markTold(studio, clip);
  const info = await attach(studio, file, clip.id);
  if (clip.objects.length === 0) return;
  const model = { name: studio.live.getState().modelId, weightsSha256: "" };
  await studio.worker.importResult(clip.id, resultOf(clip, info, frames, model));
  refreshStrips(studio, clip.id);
}

function askForMissing(studio: Studio): void {
  const { missing } = studio.live.getState();
  const names = missing.map((id) => studio.history.doc().clips[id]?.name ?? id);
  if (names.length === 0) return;
  notify(studio, {
    level: "warning",
    title: names.length === 1 ? "A clip's file is needed" : "Files of clips are needed",
    text: `Drop ${names.join(", ")} on the page: this browser has no copy.`,
  });
}

/** result.json and edits of each clip, with the media if asked for. */
export async function exportProject(studio: Studio, withMedia: boolean): Promise<Blob> {
  const doc = studio.history.doc();
  const contents = new Map<ClipId, Packed>();
  for (const id of doc.order) {
    const clip = doc.clips[id];
    if (clip === undefined || studio.live.getState().infos[id] === undefined) continue;
    const result = await studio.worker.exportResult(id, labelsOf(clip));
    contents.set(id, { result, media: withMedia ? (studio.files.get(id) ?? null) : null });
  }
  return pack(doc, contents);
}

export async function importProject(studio: Studio, file: File): Promise<void> {
  try {
    const archive = await unpack(file);
    await newProject(studio);
    await begin(studio, crypto.randomUUID());
    studio.history.amend((doc) => ({ ...doc, name: archive.name }));
    for (const each of archive.clips) await importClip(studio, each);
    const first = archive.clips.find((each) => each.media !== null)?.clip.id;
    if (first !== undefined) selectClip(studio, first);
    askForMissing(studio);
  } catch (error) {
    report(studio, error);
  }
}

async function importClip(studio: Studio, { clip, result, media }: ArchivedClip): Promise<void> {
  const { id, name, kind, sha256, objects, display, range } = clip;
  const nextObject = Math.max(0, ...objects.map((each) => each.id)) + 1;
  const prompts = promptsOf(result);
  const doc: ClipDoc = { id, name, kind, sha256, objects, nextObject, prompts, display, range };
  markTold(studio, doc);
  studio.history.amend((now) => withClip(now, doc));
  const { projectId } = studio.live.getState();
  if (projectId !== null)
    await putMasks(
      projectId,
      framesOf(result).map((each) => [id, each] as const),
    );
  if (media === null) {
    studio.live.setState({ missing: [...studio.live.getState().missing, id] });
    return;
  }
  await attach(studio, media, id);
  await studio.worker.importResult(id, result);
  await keep(studio, id, media);
  refreshStrips(studio, id);
}

/** A file that was asked for again: told by its hash, or by its name. */
export async function findAgain(studio: Studio, file: File): Promise<boolean> {
  const { missing, projectId } = studio.live.getState();
  const doc: StudioDoc = studio.history.doc();
  const id = missing.find((each) => doc.clips[each]?.name === file.name);
  const clip = id === undefined ? undefined : doc.clips[id];
  if (id === undefined || clip === undefined) return false;
  const masks = projectId === null ? [] : await getMasks(projectId);
  const own = masks.filter((each) => each.clip === id).map((each) => each.masks);
  const info = await attach(studio, file, id);
  if (info.sha256 !== clip.sha256 && clip.kind !== "bundle") {
    const title = "Another file of that name";
    notify(studio, { level: "warning", title, text: `${file.name} is not the file that the masks are of.` });
  } else if (clip.objects.length > 0) {
    await studio.worker.importResult(id, resultOf(clip, info, own, { name: clip.name, weightsSha256: "" }));
  }
  await keep(studio, id, file);
  selectClip(studio, id);
  return true;
}

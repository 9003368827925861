/** Projects: begun, opened again, taken to another machine. */

import { attach, closeClip, detach, openFile, selectClip } from "@/state/clips";
import { type ClipDoc, EMPTY_DOC, promptKey, withClip } from "@/state/document";
import { notify, report } from "@/state/notices";
import { type ArchivedClip, type Packed, pack, unpack } from "@/state/projects/archive";
import { getProject, type ProjectRecord } from "@/state/projects/database";
import { forgetFile, keptFile } from "@/state/projects/files";
import { keep } from "@/state/projects/keeping";
import { type Hold, hold, takeOver } from "@/state/projects/lock";
import { promptsOf } from "@/state/projects/result";
import { labelsOf } from "@/state/prompting";
import { type Studio, say } from "@/state/studio";
import { markTold, refreshStrips, syncAll } from "@/state/sync";
import type { ClipId } from "@/worker/contract";

const SAVED = { saving: "saved", unkept: [], volatile: false } as const;
const LAST = "splitmask.project";
let held: Hold | null = null;
const waiting = new Map<ClipId, string>(); // results of clips whose file was not in the archive

/** Files into the open project, or into a new one where there is none. */
export async function addFiles(studio: Studio, files: readonly File[]): Promise<void> {
  for (const file of files) {
    if (file.name.endsWith(".splitmask")) await importProject(studio, file);
    else await addFile(studio, file);
  }
}

async function addFile(studio: Studio, file: File): Promise<void> {
  if (await findAgain(studio, file).catch((error) => report(studio, error))) return;
  const fresh = studio.live.getState().projectId === null;
  if (fresh) await begin(studio, crypto.randomUUID());
  const info = await openFile(studio, file, crypto.randomUUID());
  if (info !== null) await keep(studio, info.id, file);
  else if (fresh) await newProject(studio); // not one of nothing
}

/** Out of the project, with its copy. */
export async function removeClip(studio: Studio, clip: ClipId): Promise<void> {
  const { projectId } = studio.live.getState();
  await closeClip(studio, clip);
  if (projectId !== null) await forgetFile(projectId, clip);
}

async function begin(studio: Studio, id: string): Promise<void> {
  held?.release();
  held = await hold(id, () => lose(studio, id));
  sessionStorage.setItem(LAST, id);
  studio.live.setState({ projectId: id, ...SAVED });
}

/** Another tab asked for the project: this one lets go of its clips. */
async function lose(studio: Studio, id: string): Promise<void> {
  const { name } = studio.history.doc();
  await newProject(studio);
  notify(studio, {
    level: "warning",
    title: "Opened in another tab",
    text: `${name} goes on there.`,
    way: { label: "Take it back", go: () => void openProject(studio, id) },
  });
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

/** false: there is no such project, or another tab has it and the person was asked. */
export async function openProject(studio: Studio, id: string): Promise<boolean> {
  const record = await getProject(id);
  if (record === null) return false;
  await newProject(studio);
  const mine = await hold(id, () => lose(studio, id));
  if (mine === null) offerTakeOver(studio, record);
  else await openHeld(studio, record, mine);
  return mine !== null;
}

async function openHeld(studio: Studio, record: ProjectRecord, mine: Hold): Promise<void> {
  held = mine;
  sessionStorage.setItem(LAST, record.id);
  studio.history.reset(record.doc);
  studio.live.setState({ projectId: record.id, ...SAVED, missing: record.doc.order });
  await restoreClips(studio, record);
}

function offerTakeOver(studio: Studio, record: ProjectRecord): void {
  notify(studio, {
    level: "warning",
    title: "Open in another tab",
    text: `${record.doc.name} can be changed in one tab at a time.`,
    way: { label: "Open it here instead", go: () => void takeHere(studio, record) },
  });
}

async function takeHere(studio: Studio, record: ProjectRecord): Promise<void> {
  const mine = await takeOver(record.id, () => lose(studio, record.id));
  const latest = await getProject(record.id);
  if (mine === null || latest === null) offerTakeOver(studio, record);
  else await openHeld(studio, latest, mine);
}

async function restoreClips(studio: Studio, record: ProjectRecord): Promise<void> {
  for (const id of record.doc.order) {
    const clip = record.doc.clips[id];
    const file = await keptFile(record.id, id);
    if (clip === undefined || file === null) continue;
    studio.live.setState({ opening: clip.name });
    try {
      await restoreClip(studio, clip, file);
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

/** The worker finds the clip's masks again by its id; what it has not heard of is told. */
async function restoreClip(studio: Studio, clip: ClipDoc, file: File): Promise<void> {
  markTold(studio, clip); // so that nothing is decoded again before it has answered
  const info = await attach(studio, file, clip.id);
  const strips = await studio.worker.strips(clip.id);
  const known = new Set(
    strips.flatMap((each) => each.prompted.map((frame) => promptKey(each.object, frame))),
  );
  const prompts = Object.entries(clip.prompts).filter(([key]) => known.has(key));
  markTold(studio, { ...clip, prompts: Object.fromEntries(prompts) });
  studio.live.setState({ strips: { ...studio.live.getState().strips, [info.id]: strips } });
  syncAll(studio);
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
  if (media === null) {
    waiting.set(id, result);
    studio.live.setState({ missing: [...studio.live.getState().missing, id] });
    return;
  }
  await attach(studio, media, id);
  await studio.worker.importResult(id, result);
  await keep(studio, id, media);
  refreshStrips(studio, id);
}

/** A file that was asked for again, told by its name. */
async function findAgain(studio: Studio, file: File): Promise<boolean> {
  const doc = studio.history.doc();
  const id = studio.live.getState().missing.find((each) => doc.clips[each]?.name === file.name);
  const clip = id === undefined ? undefined : doc.clips[id];
  if (id === undefined || clip === undefined) return false;
  await restoreClip(studio, clip, file);
  const result = waiting.get(id);
  if (result !== undefined) await studio.worker.importResult(id, result);
  waiting.delete(id);
  if (studio.live.getState().infos[id]?.sha256 !== clip.sha256) {
    const title = "Another file of that name";
    notify(studio, {
      level: "warning",
      title,
      text: `The masks were made on another ${file.name}: look at them.`,
    });
  }
  await keep(studio, id, file);
  selectClip(studio, id);
  return true;
}

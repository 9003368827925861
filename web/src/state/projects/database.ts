/** The browser's database, as far as projects need it: a few promises over IndexedDB. */

import type { FrameMasks } from "@/core/types";
import type { StudioDoc } from "@/state/document";
import type { ClipId } from "@/worker/contract";

export interface ProjectRecord {
  readonly id: string;
  readonly updated: number; // milliseconds since 1970
  readonly doc: StudioDoc;
  readonly picture: Blob | null; // small, for the list
  readonly selected: ClipId | null;
  readonly frame: number;
}

/** Masks of one frame, as they came: rebuilding them would take the model. */
export interface MaskRecord {
  readonly key: string; // project/clip/frame
  readonly project: string;
  readonly clip: ClipId;
  readonly masks: FrameMasks;
}

type Store = "projects" | "masks";

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((done, fail) => {
    const request = indexedDB.open("splitmask", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("projects", { keyPath: "id" });
      request.result.createObjectStore("masks", { keyPath: "key" }).createIndex("project", "project");
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opened;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function store(name: Store, mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(name, mode).objectStore(name);
}

export async function putProject(record: ProjectRecord): Promise<void> {
  await settled((await store("projects", "readwrite")).put(record));
}

export async function getProject(id: string): Promise<ProjectRecord | null> {
  return (await settled((await store("projects", "readonly")).get(id))) ?? null;
}

/** The latest first. */
export async function listProjects(): Promise<ProjectRecord[]> {
  const all: ProjectRecord[] = await settled((await store("projects", "readonly")).getAll());
  return all.sort((a, b) => b.updated - a.updated);
}

export async function deleteProject(id: string): Promise<void> {
  await settled((await store("projects", "readwrite")).delete(id));
  const masks = await store("masks", "readwrite");
  const keys = await settled(masks.index("project").getAllKeys(id));
  await Promise.all(keys.map((key) => settled(masks.delete(key))));
}

export async function putMasks(
  project: string,
  frames: readonly (readonly [ClipId, FrameMasks])[],
): Promise<void> {
  const masks = await store("masks", "readwrite");
  const puts = frames.map(([clip, each]) => {
    const record: MaskRecord = { key: `${project}/${clip}/${each.frame}`, project, clip, masks: each };
    return settled(masks.put(record));
  });
  await Promise.all(puts);
}

export async function getMasks(project: string): Promise<MaskRecord[]> {
  return settled((await store("masks", "readonly")).index("project").getAll(project));
}

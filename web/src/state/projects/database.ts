/** The browser's database, as far as projects need it: a few promises over IndexedDB. */

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

let opened: Promise<IDBDatabase> | null = null;

/** Opened once; again where that failed, or the browser has closed it. */
function database(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((done, fail) => {
    const request = indexedDB.open("splitmask", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("projects", { keyPath: "id" });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  }).then(
    (database) => {
      database.onclose = closed;
      return database;
    },
    (error: unknown) => {
      closed();
      throw error;
    },
  );
  return opened;
}

function closed(): void {
  opened = null;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

/** A request may succeed and its transaction fail all the same, of a storage that is full. */
function committed(transaction: IDBTransaction | null): Promise<void> {
  return new Promise((done, fail) => {
    if (transaction === null) return done();
    transaction.oncomplete = () => done();
    transaction.onabort = () =>
      fail(transaction.error ?? new Error("the browser gave up saving the project"));
  });
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction("projects", mode).objectStore("projects");
}

export async function putProject(record: ProjectRecord): Promise<void> {
  const request = (await store("readwrite")).put(record);
  await committed(request.transaction);
}

export async function getProject(id: string): Promise<ProjectRecord | null> {
  return (await settled((await store("readonly")).get(id))) ?? null;
}

/** The latest first. */
export async function listProjects(): Promise<ProjectRecord[]> {
  const all: ProjectRecord[] = await settled((await store("readonly")).getAll());
  return all.sort((a, b) => b.updated - a.updated);
}

export async function deleteProject(id: string): Promise<void> {
  const request = (await store("readwrite")).delete(id);
  await committed(request.transaction);
}

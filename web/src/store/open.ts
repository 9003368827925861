/** Opens a clip's results in this browser's private storage, for one tab at a time. */

import { SplitmaskError, toFault } from "@/core/errors";
import type { Size } from "@/core/types";
import { type BlockFile, MemoryFile, StoredFile, type SyncAccessHandle } from "./file";
import { Log } from "./log";
import { ResultStore } from "./store";

const PATIENCE = 3000; // milliseconds: after a reload the worker before may still be on its way out
const FOLDER = "splitmask-results";

export interface OpenStore {
  readonly store: ResultStore;
  /** Why results will be gone once the page is closed; null: they are kept. */
  readonly volatile: string | null;
  close(): void;
}

/**
 * id: the clip's; sha256: of its file. Results of another file under the same id are forgotten. Rejects with
 * `storage.locked` where another tab has them.
 */
export async function openStore(id: string, sha256: string, size: Size): Promise<OpenStore> {
  const owner = `${sha256} ${size.width}x${size.height}`;
  const folder = await storageFolder();
  if (folder === null) return inMemory(owner, size, "this browser gives the page no storage");
  const unlock = await lock(`splitmask:results:${id}`);
  const files: BlockFile[] = [];
  try {
    for (const which of ["a", "b"]) files.push(await openFile(folder, `${encodeURIComponent(id)}.${which}`));
    const store = new ResultStore(new Log(files as [BlockFile, BlockFile], owner), size);
    const close = () => {
      store.close();
      unlock();
    };
    return { store, volatile: null, close };
  } catch (error) {
    for (const file of files) file.close();
    unlock();
    if (toFault(error).code !== "storage.full") throw error;
    return inMemory(owner, size, "this browser's storage is full");
  }
}

function inMemory(owner: string, size: Size, why: string): OpenStore {
  const store = new ResultStore(new Log([new MemoryFile(), new MemoryFile()], owner), size);
  const volatile = `${why}: masks are gone once the page is closed; save the project as a file`;
  return { store, volatile, close: () => store.close() };
}

/** Removes the results of clips that are not among these. Those that another tab has stay. */
export async function removeOthers(ids: readonly string[]): Promise<void> {
  const folder = await storageFolder();
  if (folder === null) return;
  const kept = new Set(ids.map(encodeURIComponent));
  for await (const name of folder.keys()) {
    if (!kept.has(name.replace(/\.[ab]$/, ""))) await folder.removeEntry(name).catch(() => undefined);
  }
}

/** Bytes of all clips' results. */
export async function storedBytes(): Promise<number> {
  const folder = await storageFolder();
  let bytes = 0;
  if (folder === null) return bytes;
  for await (const handle of folder.values()) {
    if (handle instanceof FileSystemFileHandle) bytes += (await handle.getFile()).size;
  }
  return bytes;
}

async function storageFolder(): Promise<FileSystemDirectoryHandle | null> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return null; // private windows and older browsers have none
  }
}

interface WorkersOnly {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

async function openFile(folder: FileSystemDirectoryHandle, name: string): Promise<BlockFile> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & WorkersOnly;
  const since = performance.now();
  for (;;) {
    try {
      return new StoredFile(await file.createSyncAccessHandle());
    } catch (cause) {
      if (performance.now() - since > PATIENCE) throw locked(cause);
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** Held until the function that it gives is called, or the tab is closed. */
function lock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(
      name,
      { signal: AbortSignal.timeout(PATIENCE) },
      () => new Promise<void>((release) => resolve(() => release())),
    );
    held.catch((error) => reject(locked(error)));
  });
}

function locked(cause: unknown): SplitmaskError {
  const message = "this clip is open in another tab: go on there, or close that tab and reload this one";
  return new SplitmaskError("storage.locked", message, { cause });
}

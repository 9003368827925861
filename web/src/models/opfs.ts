/** Model files in the origin's private file system. For a dedicated worker: only there can files be appended to. */

import { SplitmaskError } from "@/core/errors";
import type { Appender, Shelf } from "@/models/shelf";

const ROOT = "models";

/** Of the worker's library of types, which cannot be had beside the page's. */
interface SyncAccessHandle {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
interface Writable extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

/** null where the page may not keep files. */
export async function openOpfs(): Promise<Shelf | null> {
  if (
    !globalThis.navigator?.storage?.getDirectory ||
    !("createSyncAccessHandle" in FileSystemFileHandle.prototype)
  ) {
    return null;
  }
  try {
    const root = await navigator.storage.getDirectory();
    return new OpfsShelf(await root.getDirectoryHandle(ROOT, { create: true }));
  } catch {
    return null; // private windows of some browsers have the function and refuse
  }
}

class OpfsShelf implements Shelf {
  readonly #root: FileSystemDirectoryHandle;

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async folders(): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const [name, handle] of this.#root.entries()) {
      if (handle.kind === "directory") names.push(decodeURIComponent(name));
    }
    return names;
  }

  async size(folder: string, file: string): Promise<number> {
    return (await this.#file(folder, file))?.size ?? 0;
  }

  async read(folder: string, file: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const found = await this.#file(folder, file);
    return found ? new Uint8Array(await found.arrayBuffer()) : null;
  }

  async append(folder: string, file: string, from: number): Promise<Appender> {
    try {
      const within = await this.#root.getDirectoryHandle(encodeURIComponent(folder), { create: true });
      const handle = (await within.getFileHandle(file, { create: true })) as Writable;
      return appender(await handle.createSyncAccessHandle(), from);
    } catch (error) {
      throw why(error);
    }
  }

  async remove(folder: string, file?: string): Promise<void> {
    try {
      const name = encodeURIComponent(folder);
      if (file === undefined) await this.#root.removeEntry(name, { recursive: true });
      else await (await this.#root.getDirectoryHandle(name)).removeEntry(file);
    } catch (error) {
      if (!isMissing(error)) throw why(error);
    }
  }

  async #file(folder: string, file: string): Promise<File | null> {
    try {
      const within = await this.#root.getDirectoryHandle(encodeURIComponent(folder));
      return await (await within.getFileHandle(file)).getFile();
    } catch (error) {
      if (isMissing(error)) return null;
      throw why(error);
    }
  }
}

function appender(handle: SyncAccessHandle, from: number): Appender {
  let at = from;
  try {
    handle.truncate(from);
  } catch (error) {
    handle.close();
    throw error;
  }
  return {
    write(bytes) {
      try {
        // Chromium answers a full disk with a number that is no length
        const written = handle.write(bytes, { at });
        if (written !== bytes.length) throw new DOMException("short write", "QuotaExceededError");
        at += written;
      } catch (error) {
        throw why(error);
      }
    },
    close() {
      handle.flush();
      handle.close();
    },
  };
}

const isMissing = (error: unknown): boolean => (error as DOMException).name === "NotFoundError";

function why(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  if (error.name === "QuotaExceededError") {
    const what = "this browser's storage is full: remove a model or a project, or free disk space";
    return new SplitmaskError("storage.full", what, { cause: error });
  }
  if (error.name === "NoModificationAllowedError" || error.name === "InvalidStateError") {
    return new SplitmaskError(
      "storage.locked",
      "another tab is writing this model: wait for it, then retry",
      {
        cause: error,
      },
    );
  }
  return error;
}

/** Where model files are kept: folders of files, in this browser's storage or, without any, in memory. */

export interface Appender {
  write(bytes: Uint8Array): void;
  close(): void;
}

export interface Shelf {
  folders(): Promise<readonly string[]>;
  /** Bytes of a file; 0 where there is none. */
  size(folder: string, file: string): Promise<number>;
  read(folder: string, file: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Writes on from byte `from`; what lay behind it is cut off. Throws `storage.full` or `storage.locked`. */
  append(folder: string, file: string, from: number): Promise<Appender>;
  remove(folder: string, file?: string): Promise<void>;
}

export async function put(shelf: Shelf, folder: string, file: string, bytes: Uint8Array): Promise<void> {
  const appender = await shelf.append(folder, file, 0);
  try {
    appender.write(bytes);
  } finally {
    appender.close();
  }
}

/** For a page that may not keep files (HTTP, a private window of some browsers). Gone with the tab. */
export class MemoryShelf implements Shelf {
  readonly #folders = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>();

  async folders(): Promise<readonly string[]> {
    return [...this.#folders.keys()];
  }

  async size(folder: string, file: string): Promise<number> {
    return this.#folders.get(folder)?.get(file)?.length ?? 0;
  }

  async read(folder: string, file: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#folders.get(folder)?.get(file) ?? null;
  }

  async append(folder: string, file: string, from: number): Promise<Appender> {
    const files = this.#folders.get(folder) ?? new Map<string, Uint8Array<ArrayBuffer>>();
    this.#folders.set(folder, files);
    const parts: Uint8Array[] = [(files.get(file) ?? new Uint8Array()).subarray(0, from)];
    return {
      write: (bytes) => parts.push(bytes),
      close: () => files.set(file, joined(parts)),
    };
  }

  async remove(folder: string, file?: string): Promise<void> {
    if (file === undefined) this.#folders.delete(folder);
    else this.#folders.get(folder)?.delete(file);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    out.set(each, at);
    at += each.length;
  }
  return out;
}

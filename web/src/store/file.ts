/** A file that is read and written in place: one of this browser's private storage, or of RAM. */

export interface BlockFile {
  size(): number;
  /** Fills `into` from `at` on; gives how many bytes there were. */
  read(at: number, into: Uint8Array): number;
  write(at: number, bytes: Uint8Array): void;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

export class MemoryFile implements BlockFile {
  private bytes = new Uint8Array(1024);
  private length = 0;

  size(): number {
    return this.length;
  }

  read(at: number, into: Uint8Array): number {
    const found = this.bytes.subarray(at, Math.min(at + into.length, this.length));
    into.set(found);
    return found.length;
  }

  write(at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(bytes, at);
    this.length = Math.max(this.length, end);
  }

  truncate(size: number): void {
    this.bytes.fill(0, size, this.length);
    this.length = size;
  }

  flush(): void {
    // RAM is all there is
  }

  close(): void {
    // it stays, so that a test can open it again
  }
}

/** What TypeScript knows of workers only: a file's handle that reads and writes at once. */
export interface SyncAccessHandle {
  getSize(): number;
  read(into: Uint8Array, options: { readonly at: number }): number;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** A sync access handle of the origin private file system, which a worker has. */
export class StoredFile implements BlockFile {
  private readonly handle: SyncAccessHandle;

  constructor(handle: SyncAccessHandle) {
    this.handle = handle;
  }

  size(): number {
    return this.handle.getSize();
  }

  read(at: number, into: Uint8Array): number {
    return this.handle.read(into, { at });
  }

  write(at: number, bytes: Uint8Array): void {
    // Chromium answers a full disk with a number that is no length
    if (this.handle.write(bytes, { at }) !== bytes.length) {
      throw new DOMException("short write", "QuotaExceededError");
    }
  }

  truncate(size: number): void {
    this.handle.truncate(size);
  }

  flush(): void {
    this.handle.flush();
  }

  close(): void {
    this.handle.close();
  }
}

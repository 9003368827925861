/**
 * Records one after the other in a file, of which there are two: to be rid of what is no longer needed, what is
 * needed is written to the other one, whose preamble comes last. A crash at any moment leaves one that is whole
 * but for its tail, and a torn tail is cut off.
 */

import { SplitmaskError } from "@/core/errors";
import type { BlockFile } from "./file";
import { bodyBytes, crc32, HEADER, type Header, readHeader } from "./records";

const PREAMBLE = 128; // bytes: magic, generation, the owner's name, crc
const MAGIC = 0x474c4d53; // SMLG

export interface Place {
  readonly header: Header;
  readonly at: number; // of the record's first byte
}

export class Log {
  private readonly files: readonly [BlockFile, BlockFile];
  private readonly owner: string; // at most 100 ASCII characters: whose results these are
  private current: BlockFile;
  private generation: number;
  private end: number;

  /** Opens the newer file that is this owner's, or begins anew. */
  constructor(files: readonly [BlockFile, BlockFile], owner: string) {
    this.files = files;
    this.owner = owner;
    const [a, b] = files.map((file) => readPreamble(file, owner)) as [number, number];
    this.current = b > a ? files[1] : files[0];
    this.generation = Math.max(a, b);
    this.end = Math.max(PREAMBLE, this.current.size());
    if (this.generation === 0) this.begin(this.current, 1);
  }

  get size(): number {
    return this.end;
  }

  /** All records, in order. A torn tail is cut off. */
  *records(): Generator<Place, void, undefined> {
    const bytes = new Uint8Array(HEADER);
    let at = PREAMBLE;
    while (at < this.end) {
      const header = this.current.read(at, bytes) === HEADER ? readHeader(bytes) : null;
      const next = header === null ? 0 : at + HEADER + bodyBytes(header);
      if (header === null || next > this.end || (next === this.end && !this.isSound(at, header))) break;
      yield { header, at };
      at = next;
    }
    this.end = at;
    if (this.current.size() > at) this.current.truncate(at);
  }

  /** Throws `storage.full` where there is no room; the log is then as it was. */
  append(record: Uint8Array): number {
    const at = this.end;
    this.write(this.current, at, record);
    this.end += record.length;
    return at;
  }

  /** A record's body; null where it is damaged. */
  body({ at, header }: Place): Uint8Array | null {
    const bytes = new Uint8Array(bodyBytes(header));
    const whole = this.current.read(at + HEADER, bytes) === bytes.length;
    return whole && crc32(bytes) === (header as Header & { crc: number }).crc ? bytes : null;
  }

  /**
   * Goes over to the other file, which gets these records → where each is now.
   * Throws `storage.full`; the log is then as it was.
   */
  rewrite(records: Iterable<Uint8Array>): number[] {
    const [a, b] = this.files;
    const other = this.current === a ? b : a;
    try {
      return this.fill(other, records);
    } catch (error) {
      other.truncate(0);
      throw error;
    }
  }

  private fill(other: BlockFile, records: Iterable<Uint8Array>): number[] {
    other.truncate(0);
    let end = PREAMBLE;
    const places: number[] = [];
    for (const record of records) {
      this.write(other, end, record);
      places.push(end);
      end += record.length;
    }
    other.flush();
    this.begin(other, this.generation + 1, end);
    this.current.truncate(0);
    this.current = other;
    return places;
  }

  close(): void {
    for (const file of this.files) {
      file.flush();
      file.close();
    }
  }

  private begin(file: BlockFile, generation: number, end = PREAMBLE): void {
    if (end === PREAMBLE) file.truncate(0);
    this.write(file, 0, preamble(generation, this.owner));
    file.flush();
    this.generation = generation;
    this.end = end;
  }

  private isSound(at: number, header: Header): boolean {
    return this.body({ at, header }) !== null;
  }

  private write(file: BlockFile, at: number, bytes: Uint8Array): void {
    try {
      file.write(at, bytes);
    } catch (cause) {
      file.truncate(Math.min(at, file.size()));
      throw new SplitmaskError(
        "storage.full",
        "this browser's storage is full: remove a model or an old project, then go on; what is done is kept",
        { cause },
      );
    }
  }
}

function preamble(generation: number, owner: string): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, generation, true);
  bytes.set(new TextEncoder().encode(owner).subarray(0, 100), 8);
  view.setUint32(PREAMBLE - 4, crc32(bytes.subarray(0, PREAMBLE - 4)), true);
  return bytes;
}

/** Generation of a file that is whole and the owner's; 0 for any other. */
function readPreamble(file: BlockFile, owner: string): number {
  const bytes = new Uint8Array(PREAMBLE);
  if (file.read(0, bytes) !== PREAMBLE) return 0;
  const generation = new DataView(bytes.buffer).getUint32(4, true);
  const wanted = preamble(generation, owner);
  return bytes.every((byte, i) => byte === wanted[i]) ? generation : 0;
}

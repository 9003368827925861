/** What a log of results holds: one record of bytes per result or change, each with its own checks. */

import { deflateSync, inflateSync } from "fflate";
import { runsToCounts } from "@/core/counts";
import { fromHalf, toHalf } from "@/core/half";
import type { Output } from "@/session/choice";

export const HEADER = 60; // bytes
const MAGIC = 0x52534d53; // SMSR

export const KIND = { result: 1, state: 2, forget: 3, drop: 4, mark: 5 } as const;

/** The fixed part of a record. Sizes are bytes of the parts that follow it, in this order. */
export interface Header {
  readonly kind: number;
  readonly direction: boolean | null;
  readonly side: number;
  readonly object: number;
  readonly frame: number;
  readonly score: number;
  readonly presence: number;
  readonly area: number;
  readonly model: number; // of the weights that made it
  readonly rle: number;
  readonly pointer: number;
  readonly logits: number;
}

const PLAIN: Header = {
  kind: KIND.drop,
  direction: null,
  side: 0,
  object: 0,
  frame: 0,
  score: 0,
  presence: 0,
  area: 0,
  model: 0,
  rle: 0,
  pointer: 0,
  logits: 0,
};

export function bodyBytes(header: Header): number {
  return header.rle + header.pointer + header.logits;
}

/** A whole record. */
export function packRecord(fields: Partial<Header>, parts: readonly Uint8Array[] = []): Uint8Array {
  const [rle, pointer, logits] = [parts[0]?.length ?? 0, parts[1]?.length ?? 0, parts[2]?.length ?? 0];
  const header = { ...PLAIN, ...fields, rle, pointer, logits };
  const bytes = new Uint8Array(HEADER + bodyBytes(header));
  let at = HEADER;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  writeHeader(new DataView(bytes.buffer), header, crc32(bytes.subarray(HEADER)));
  return bytes;
}

function writeHeader(view: DataView, header: Header, bodyCrc: number): void {
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, header.kind);
  view.setUint8(5, header.direction === null ? 2 : header.direction ? 1 : 0);
  view.setUint16(6, header.side, true);
  view.setInt32(8, header.object, true);
  view.setInt32(12, header.frame, true);
  view.setFloat64(16, header.score, true);
  view.setFloat32(24, header.presence, true);
  view.setUint32(28, header.area, true);
  view.setUint32(32, header.model, true);
  view.setUint32(36, header.rle, true);
  view.setUint32(40, header.pointer, true);
  view.setUint32(44, header.logits, true);
  view.setUint32(48, bodyCrc, true);
  view.setUint32(52, 0, true);
  view.setUint32(56, crc32(new Uint8Array(view.buffer, view.byteOffset, HEADER - 4)), true);
}

/** null where the bytes are no whole header. */
export function readHeader(bytes: Uint8Array): (Header & { readonly crc: number }) | null {
  if (bytes.length < HEADER) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  const sound = view.getUint32(56, true) === crc32(bytes.subarray(0, HEADER - 4));
  if (view.getUint32(0, true) !== MAGIC || !sound) return null;
  const direction = view.getUint8(5);
  return {
    kind: view.getUint8(4),
    direction: direction === 2 ? null : direction === 1,
    side: view.getUint16(6, true),
    object: view.getInt32(8, true),
    frame: view.getInt32(12, true),
    score: view.getFloat64(16, true),
    presence: view.getFloat32(24, true),
    area: view.getUint32(28, true),
    model: view.getUint32(32, true),
    rle: view.getUint32(36, true),
    pointer: view.getUint32(40, true),
    logits: view.getUint32(44, true),
    crc: view.getUint32(48, true),
  };
}

/** A result's parts: its mask as COCO's string, its pointer, its logits deflated. */
export function packParts(output: Output, runs: Uint32Array): Uint8Array[] {
  const { buffer, byteOffset, byteLength } = output.pointer;
  const pointer = new Uint8Array(buffer, byteOffset, byteLength);
  const logits = output.logits.length > 0 ? packLogits(output.logits) : new Uint8Array(0);
  return [new TextEncoder().encode(runsToCounts(runs)), pointer, logits];
}

/** Half precision, all high bytes before all low ones, deflated. */
export function packLogits(logits: Float32Array): Uint8Array {
  const n = logits.length;
  const planes = new Uint8Array(2 * n);
  for (let i = 0; i < n; i++) {
    const half = toHalf(logits[i] as number);
    planes[i] = half >> 8;
    planes[n + i] = half & 0xff;
  }
  return deflateSync(planes, { level: 1 });
}

export function unpackLogits(bytes: Uint8Array): Float32Array {
  const planes = inflateSync(bytes);
  const n = planes.length / 2;
  const logits = new Float32Array(n);
  for (let i = 0; i < n; i++) logits[i] = fromHalf(((planes[i] as number) << 8) | (planes[n + i] as number));
  return logits;
}

export function toFloats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** As in zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** What tells a file again without reading all of it. */

import { sha256 } from "@/models/sha256";

const END = 1 << 20; // bytes

/** SHA-256 of a file's first and last MiB and its length (8 bytes, little-endian). */
export async function fingerprint(file: Blob): Promise<string> {
  const first = await file.slice(0, END).arrayBuffer();
  const last = await file.slice(Math.max(0, file.size - END)).arrayBuffer();
  const bytes = new Uint8Array(first.byteLength + last.byteLength + 8);
  bytes.set(new Uint8Array(first));
  bytes.set(new Uint8Array(last), first.byteLength);
  new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(file.size), true);
  return sha256(bytes);
}

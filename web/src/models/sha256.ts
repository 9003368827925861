/** SHA-256 (FIPS 180-4), of the browser where the page is secure, else our own: HTTP on a home network. */

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = globalThis.crypto;
  return hex(subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : plainSha256(bytes));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** Fractions of the square and cube roots of the first primes, as the standard defines its constants. */
const [START, ROUND] = constants();

function constants(): [Uint32Array, Uint32Array] {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) {
    if (primes.every((p) => n % p !== 0)) primes.push(n);
  }
  const fraction = (root: number) => ((root % 1) * 2 ** 32) >>> 0;
  return [
    Uint32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p))),
    Uint32Array.from(primes, (p) => fraction(Math.cbrt(p))),
  ];
}

const WHOLE = 128 << 20; // bytes that are read at once at most
const PIECE = 1 << 20; // bytes: a multiple of 64; hashed in some 15 ms

/** Of a file of any size: a large one a piece at a time, as the browser's own takes only the whole. */
export async function fileSha256(file: Blob, most = WHOLE): Promise<string> {
  if (file.size <= most) return sha256(new Uint8Array(await file.arrayBuffer()));
  const state = START.slice();
  const whole = file.size - (file.size % 64);
  for (let at = 0; at < whole; at += PIECE) {
    blocks(state, new Uint8Array(await file.slice(at, Math.min(at + PIECE, whole)).arrayBuffer()));
  }
  const rest = new Uint8Array(await file.slice(whole).arrayBuffer());
  return hex(ended(state, rest, file.size));
}

export function plainSha256(bytes: Uint8Array): Uint8Array {
  const state = START.slice();
  const whole = bytes.length - (bytes.length % 64);
  blocks(state, bytes.subarray(0, whole));
  return ended(state, bytes.subarray(whole), bytes.length);
}

/** bytes: a multiple of 64. */
function blocks(state: Uint32Array, bytes: Uint8Array): void {
  const words = new Int32Array(64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 64) block(state, words, view, at);
}

/** With what is left of the message, a one bit, and its length in bits. */
function ended(state: Uint32Array, rest: Uint8Array, length: number): Uint8Array {
  const end = new Uint8Array(rest.length < 56 ? 64 : 128);
  end.set(rest);
  end[rest.length] = 0x80;
  new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(length) * 8n);
  blocks(state, end);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => {
    out.setUint32(4 * i, word);
  });
  return new Uint8Array(out.buffer);
}

const turn = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

function block(state: Uint32Array, w: Int32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] as number;
    const y = w[i - 2] as number;
    const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
    const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < 64; i++) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (ROUND[i] as number) + (w[i] as number)) | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => {
    state[i] = (state[i] as number) + value;
  });
}

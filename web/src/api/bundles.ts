/** Bundles on their way to the worker: from a folder, a zip or an address. docs/bundle.md describes them. */

import { strFromU8, unzip, zipSync } from "fflate";
import { SplitmaskError } from "@/core/errors";

const MANIFEST = "manifest.json";
const EMBEDDING = "embedding.bin";
const PREVIEW = "preview.jpg";

type Files = Record<string, Uint8Array<ArrayBuffer>>;

/** Files of a folder that was dropped, as one zip; null if it is not a bundle. */
export async function bundleFromFolder(files: readonly File[]): Promise<File | null> {
  const named = (name: string) => files.find((each) => each.name === name);
  const manifest = named(MANIFEST);
  if (manifest === undefined) return null;
  const held: Files = {};
  for (const name of [MANIFEST, EMBEDDING, PREVIEW]) {
    const file = named(name);
    if (file !== undefined) held[name] = new Uint8Array(await file.arrayBuffer());
  }
  if (held[EMBEDDING] === undefined) throw bad("the folder", `there is no ${EMBEDDING} beside ${MANIFEST}`);
  const folder = manifest.webkitRelativePath.split("/").at(-2);
  return asZip(held, folder ?? "bundle");
}

/**
 * The zip at an address, or the folder of a manifest. Throws SplitmaskError `network` or `bundle`.
 *
 * `fetch` is given so that a token can travel with each request.
 */
export async function bundleFromUrl(address: string, get: typeof fetch = fetch): Promise<File> {
  const url = parsed(address);
  const name = decodeURIComponent(url.pathname.split("/").filter(Boolean).at(-1) ?? "bundle");
  if (name.endsWith(".zip")) return new File([await load(url, get)], name, { type: "application/zip" });
  const base = name === MANIFEST ? new URL(".", url) : asFolder(url);
  return bundleFromParts({
    manifest: () => load(new URL(MANIFEST, base), get),
    embedding: () => load(new URL(EMBEDDING, base), get),
    preview: () => load(new URL(PREVIEW, base), get),
    name: base.pathname.split("/").filter(Boolean).at(-1) ?? "bundle",
  });
}

export interface Parts {
  readonly manifest: () => Promise<Uint8Array<ArrayBuffer>>;
  readonly embedding: () => Promise<Uint8Array<ArrayBuffer>>;
  readonly preview: () => Promise<Uint8Array<ArrayBuffer>>; // may fail: a bundle need not have one
  readonly name: string;
}

export async function bundleFromParts(parts: Parts): Promise<File> {
  const [manifest, embedding, preview] = await Promise.all([
    parts.manifest(),
    parts.embedding(),
    parts.preview().catch(() => null),
  ]);
  const files: Files = { [MANIFEST]: manifest, [EMBEDDING]: embedding };
  if (preview !== null) files[PREVIEW] = preview;
  return asZip(files, parts.name);
}

function asZip(files: Files, name: string): File {
  const zip = zipSync(files, { level: 0 }) as Uint8Array<ArrayBuffer>;
  return new File([zip], `${name}.zip`, { type: "application/zip" });
}

function parsed(address: string): URL {
  try {
    return new URL(address, globalThis.location?.href);
  } catch {
    throw new SplitmaskError("network", `${address} is not an address: it begins with https://`);
  }
}

function asFolder(url: URL): URL {
  const folder = new URL(url);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}

export async function load(url: URL, get: typeof fetch): Promise<Uint8Array<ArrayBuffer>> {
  let answer: Response;
  try {
    answer = await get(url);
  } catch (error) {
    if (isAbort(error)) throw new SplitmaskError("cancelled", "cancelled");
    const why = "check the address and the connection; the server has to allow this page (CORS)";
    throw new SplitmaskError("network", `${url.host} cannot be reached: ${why}`);
  }
  if (!answer.ok)
    throw new SplitmaskError("network", `${url.href} answers ${answer.status} ${answer.statusText}`.trim());
  return whole(answer, url.host);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** A reply's bytes. host: for the message where it breaks off. */
export async function whole(answer: Response, host: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    if (isAbort(error)) throw new SplitmaskError("cancelled", "cancelled");
    throw new SplitmaskError("network", `${host} broke off in the middle of its reply: try again`);
  }
}

/** The picture of a bundle; a plain one of its size where it has none. Throws SplitmaskError `bundle`. */
export async function previewOf(bundle: File): Promise<File> {
  const files = await smallFiles(bundle);
  const picture = files[PREVIEW];
  if (picture !== undefined) return new File([picture], PREVIEW, { type: "image/jpeg" });
  const manifest = files[MANIFEST];
  if (manifest === undefined) throw bad(bundle.name, `there is no ${MANIFEST} in it`);
  const { originalWidth, originalHeight } = sizes(strFromU8(manifest), bundle.name);
  const canvas = new OffscreenCanvas(originalWidth, originalHeight);
  const context = canvas.getContext("2d");
  if (context !== null) {
    context.fillStyle = "#3a3f47";
    context.fillRect(0, 0, originalWidth, originalHeight);
  }
  return new File([await canvas.convertToBlob()], "preview.png", { type: "image/png" });
}

function sizes(text: string, name: string): { originalWidth: number; originalHeight: number } {
  try {
    const { originalWidth, originalHeight } = JSON.parse(text);
    if (originalWidth > 0 && originalHeight > 0) return { originalWidth, originalHeight };
  } catch {
    // said below
  }
  throw bad(name, `${MANIFEST} does not say the picture's size`);
}

async function smallFiles(bundle: File): Promise<Files> {
  const bytes = new Uint8Array(await bundle.arrayBuffer());
  return new Promise((done, fail) => {
    const filter = (entry: { name: string }) => [MANIFEST, PREVIEW].includes(basename(entry.name));
    unzip(bytes, { filter }, (error, data) => {
      if (error) return fail(bad(bundle.name, "it is not a zip, or cut short"));
      const flat = Object.entries(data).map(([name, each]) => [basename(name), each] as const);
      done(Object.fromEntries(flat) as Files);
    });
  });
}

function basename(path: string): string {
  return path.split("/").at(-1) ?? path;
}

function bad(what: string, why: string): SplitmaskError {
  return new SplitmaskError("bundle", `${what} is not a bundle: ${why}`);
}

/** The models that are kept: brought there, verified, read and removed. Knows nothing of engines' states. */

import { SplitmaskError } from "@/core/errors";
import type { ModelFiles } from "@/engine/files";
import { GOLDEN_FILE, goldenBinary, parseGolden } from "@/engine/golden";
import { GRAPHS_FILE, type GraphInfo, type GraphSet, parseGraphs } from "@/engine/graphs";
import { DEFAULTS, download } from "@/models/download";
import { bytesIn, MANIFEST_FILE, type Manifest, newManifest, parseManifest } from "@/models/manifest";
import { sha256 } from "@/models/sha256";
import { put, type Shelf } from "@/models/shelf";

export interface Source {
  readonly id: string;
  readonly title: string;
  readonly folder: string; // absolute URL, ending in a slash
  /** Looks for a newer one at each visit: it comes with the page, so it is as new as the page. */
  readonly refresh: boolean;
}

export interface Fetching {
  readonly signal: AbortSignal;
  readonly onProgress: (loaded: number, total: number) => void;
  readonly stall?: number;
  readonly waits?: readonly number[];
}

export class Library {
  readonly shelf: Shelf;

  constructor(shelf: Shelf) {
    this.shelf = shelf;
  }

  /** The complete ones. */
  async stored(): Promise<ReadonlyMap<string, { readonly title: string; readonly bytes: number }>> {
    const found = new Map<string, { title: string; bytes: number }>();
    for (const id of await this.shelf.folders()) {
      const manifest = await this.#manifest(id);
      if (manifest?.complete) found.set(id, { title: manifest.title, bytes: bytesIn(manifest) });
    }
    return found;
  }

  /** Brings a model here, if it is not, and opens it. */
  async fetch(source: Source, fetching: Fetching): Promise<ModelFiles> {
    const manifest = (await this.#manifest(source.id)) ?? newManifest(source.title);
    if (manifest.complete && !source.refresh) return this.open(source.id);
    const text = await this.#description(source, manifest, fetching);
    if (text !== null) await this.#bring(source, manifest, text, fetching);
    return this.open(source.id);
  }

  /** Of a model that is here. Rejects with `model.missing`, `model.corrupt` or `model.unfit`. */
  async open(id: string): Promise<ModelFiles> {
    const manifest = await this.#manifest(id);
    if (!manifest?.complete)
      throw new SplitmaskError("model.missing", `${id} is not stored here: download it first`);
    const read = (file: string) => this.#verified(id, manifest, file);
    const text = async (file: string) => new TextDecoder().decode(await read(file));
    const graphs = parseGraphs(await text(GRAPHS_FILE), `${id}/${GRAPHS_FILE}`);
    const present = onlyStored(graphs, manifest);
    const golden = GOLDEN_FILE in manifest.files ? await text(GOLDEN_FILE) : null;
    return {
      graphs: present,
      golden: golden ? parseGolden(golden, await read(goldenBinary(golden)), present) : null,
      read: (name) => {
        const info = present.graphs[name];
        return info
          ? read(info.file)
          : Promise.reject(new SplitmaskError("model.missing", `${id} has no ${name}`));
      },
    };
  }

  /** Files of a folder, by name: graphs.json, the decoder and whatever else of the model is there. */
  async add(id: string, title: string, files: ReadonlyMap<string, File>): Promise<void> {
    const description = files.get(GRAPHS_FILE);
    if (!description) {
      throw new SplitmaskError(
        "model.unfit",
        `there is no ${GRAPHS_FILE} among the files: drop the whole folder`,
      );
    }
    const text = await description.text();
    const { graphs } = parseGraphs(text, GRAPHS_FILE);
    if (!files.has(graphs.mask_decoder.file)) {
      throw new SplitmaskError(
        "model.missing",
        `${graphs.mask_decoder.file} is not among the files: drop it too`,
      );
    }
    const manifest = newManifest(title);
    await this.remove(id);
    for (const info of Object.values(graphs) as GraphInfo[]) {
      const file = files.get(info.file);
      if (file) await this.#addGraph(id, manifest, info, file);
    }
    await this.#addGolden(id, manifest, files);
    await this.#keep(id, manifest, GRAPHS_FILE, new TextEncoder().encode(text));
    await this.#finish(id, manifest);
  }

  async #addGraph(id: string, manifest: Manifest, info: GraphInfo, file: File): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if ((await sha256(bytes)) !== info.sha256) {
      const what = `${file.name} is not the file that ${GRAPHS_FILE} names: export the model again`;
      throw new SplitmaskError("model.corrupt", what);
    }
    await this.#keep(id, manifest, info.file, bytes);
  }

  async #addGolden(id: string, manifest: Manifest, files: ReadonlyMap<string, File>): Promise<void> {
    const golden = await files.get(GOLDEN_FILE)?.text();
    const binary = golden && files.get(goldenBinary(golden));
    if (!golden || !binary) return;
    await this.#keep(id, manifest, binary.name, new Uint8Array(await binary.arrayBuffer()));
    await this.#keep(id, manifest, GOLDEN_FILE, new TextEncoder().encode(golden));
  }

  remove(id: string): Promise<void> {
    return this.shelf.remove(id);
  }

  async #manifest(id: string): Promise<Manifest | null> {
    return parseManifest(await this.shelf.read(id, MANIFEST_FILE));
  }

  /** The server's graphs.json; null where the stored model is to be used as it is. */
  async #description(source: Source, manifest: Manifest, { signal }: Fetching): Promise<string | null> {
    const url = `${source.folder}${GRAPHS_FILE}`;
    try {
      const text = await optionalText(url, signal);
      if (text !== null) return text;
    } catch (error) {
      if (manifest.complete) return null;
      throw error;
    }
    if (manifest.complete) return null;
    throw new SplitmaskError(
      "model.missing",
      `${source.title} is not at ${url}: choose another model, or drop its folder of graphs`,
    );
  }

  async #bring(source: Source, manifest: Manifest, text: string, fetching: Fetching): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    if (manifest.complete && manifest.files[GRAPHS_FILE]?.sha256 === (await sha256(bytes))) return;
    const wanted = Object.values(parseGraphs(text, `${source.id}/${GRAPHS_FILE}`).graphs) as GraphInfo[];
    const total = wanted.reduce((sum, each) => sum + each.bytes, 0);
    await this.#begin(source.id, manifest, wanted, total);
    let loaded = 0;
    for (const info of wanted) {
      const onBytes = (there: number) => fetching.onProgress(loaded + there, total);
      await this.#bringGraph(source, manifest, info, { ...DEFAULTS, ...fetching, onBytes });
      loaded += info.bytes;
    }
    await this.#bringGolden(source, manifest, fetching.signal);
    await this.#keep(source.id, manifest, GRAPHS_FILE, bytes);
    await this.#finish(source.id, manifest);
  }

  /** From here on the model does not count as stored until all of it is. */
  async #begin(id: string, manifest: Manifest, wanted: readonly GraphInfo[], total: number): Promise<void> {
    const have = await Promise.all(wanted.map(({ file }) => this.shelf.size(id, file)));
    await checkQuota(total - have.reduce((a, b) => a + b, 0));
    manifest.complete = false;
    await this.#write(id, manifest);
  }

  async #bringGraph(
    source: Source,
    manifest: Manifest,
    info: GraphInfo,
    options: Parameters<typeof download>[5],
  ): Promise<void> {
    const { id, folder } = source;
    const known = manifest.files[info.file];
    if (known?.sha256 === info.sha256) return options.onBytes(info.bytes);
    if (known) await this.#forget(id, manifest, info.file); // of an older model
    const url = new URL(info.file, folder).href;
    // what was there from an earlier visit may be of another file: then once more, from the start
    for (const attempt of ["resumed", "fresh"]) {
      await download(url, this.shelf, id, info.file, info.bytes, options);
      const bytes = await this.shelf.read(id, info.file);
      if (bytes && (await sha256(bytes)) === info.sha256) break;
      await this.shelf.remove(id, info.file);
      if (attempt === "resumed") continue;
      const what = `${info.file} from ${url} is not the file that ${GRAPHS_FILE} names: tell whoever runs the server`;
      throw new SplitmaskError("model.corrupt", what);
    }
    manifest.files[info.file] = { bytes: info.bytes, sha256: info.sha256 };
    await this.#write(id, manifest);
  }

  async #bringGolden(source: Source, manifest: Manifest, signal: AbortSignal): Promise<void> {
    const text = await optionalText(`${source.folder}${GOLDEN_FILE}`, signal);
    if (text === null) return this.#forget(source.id, manifest, GOLDEN_FILE);
    const file = goldenBinary(text);
    const response = await got(`${source.folder}${file}`, signal);
    if (!response?.ok) return this.#forget(source.id, manifest, GOLDEN_FILE);
    await this.#keep(source.id, manifest, file, new Uint8Array(await response.arrayBuffer()));
    await this.#keep(source.id, manifest, GOLDEN_FILE, new TextEncoder().encode(text));
  }

  async #verified(id: string, manifest: Manifest, file: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.shelf.read(id, file);
    if (bytes && (await sha256(bytes)) === manifest.files[file]?.sha256) return bytes;
    manifest.complete = false;
    await this.#forget(id, manifest, file);
    const what = `${file} of ${id} is damaged in this browser's storage: retry brings it again`;
    throw new SplitmaskError("model.corrupt", what);
  }

  async #keep(id: string, manifest: Manifest, file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await put(this.shelf, id, file, bytes);
    manifest.files[file] = { bytes: bytes.length, sha256: await sha256(bytes) };
  }

  async #forget(id: string, manifest: Manifest, file: string): Promise<void> {
    if (!manifest.files[file]) return;
    delete manifest.files[file];
    await this.shelf.remove(id, file);
    await this.#write(id, manifest);
  }

  async #finish(id: string, manifest: Manifest): Promise<void> {
    manifest.complete = true;
    await this.#write(id, manifest);
  }

  #write(id: string, manifest: Manifest): Promise<void> {
    return put(this.shelf, id, MANIFEST_FILE, new TextEncoder().encode(JSON.stringify(manifest)));
  }
}

/** The graphs that are here, of those that graphs.json names. */
function onlyStored(set: GraphSet, manifest: Manifest): GraphSet {
  const here = Object.entries(set.graphs).filter(([, info]) => info && info.file in manifest.files);
  const graphs = Object.fromEntries(here) as GraphSet["graphs"];
  const tracks = graphs.memory_encoder && graphs.memory_attention;
  return { ...set, graphs, memoryShape: tracks ? set.memoryShape : null };
}

async function checkQuota(needed: number): Promise<void> {
  const { quota, usage } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
  if (quota === undefined || quota - (usage ?? 0) >= needed) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const left = megabytes(Math.max(0, quota - (usage ?? 0)));
  const what = `the model needs ${megabytes(needed)}, this browser has ${left} left: remove something first`;
  throw new SplitmaskError("storage.full", what);
}

/** null where there is none; a page in its place, as some hosts answer, is none. */
async function optionalText(url: string, signal: AbortSignal): Promise<string | null> {
  const response = await got(url, signal);
  if (!response || response.headers.get("content-type")?.includes("text/html")) return null;
  return response.text();
}

async function got(url: string, signal: AbortSignal): Promise<Response | null> {
  let response: Response;
  try {
    response = await fetch(url, { signal, cache: "no-cache" });
  } catch (error) {
    if (signal.aborted) throw new SplitmaskError("cancelled", "the download was cancelled");
    throw new SplitmaskError(
      "network",
      `${new URL(url).host} cannot be reached: check the network, then retry`,
      {
        cause: error,
      },
    );
  }
  if (response.status === 404 || response.status === 403) return null;
  if (response.ok) return response;
  throw new SplitmaskError("network", `the server answers ${response.status} for ${url}: retry`);
}

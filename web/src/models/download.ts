/** One file over HTTP: resumed where it was cut, given up when it stands still. */

import { SplitmaskError } from "@/core/errors";
import type { Shelf } from "@/models/shelf";

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Bytes of the file that are there. */
  readonly onBytes: (there: number) => void;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly stall: number;
  /** Milliseconds before each further attempt. */
  readonly waits: readonly number[];
}

export const DEFAULTS = { stall: 20_000, waits: [500, 2_000, 5_000] } as const;

/**
 * Brings `url` to the shelf, going on from what lies there. Rejects with `cancelled`, `network` (what has come
 * stays), `model.missing`, `storage.full` or `storage.locked`.
 */
export async function download(
  url: string,
  shelf: Shelf,
  folder: string,
  file: string,
  bytes: number,
  options: DownloadOptions,
): Promise<void> {
  let failures = 0;
  for (;;) {
    const before = await shelf.size(folder, file);
    try {
      await attempt(url, shelf, folder, file, bytes, options);
      return;
    } catch (error) {
      if (!(error instanceof SplitmaskError) || error.code !== "network") throw error;
      // a connection that brings something each time may be cut as often as it likes
      failures = (await shelf.size(folder, file)) > before ? 0 : failures + 1;
      const wait = options.waits[failures];
      if (wait === undefined) throw error;
      await pause(wait, options.signal);
    }
  }
}

async function attempt(
  url: string,
  shelf: Shelf,
  folder: string,
  file: string,
  bytes: number,
  options: DownloadOptions,
): Promise<void> {
  const there = await shelf.size(folder, file);
  if (there === bytes) return options.onBytes(bytes);
  const from = there < bytes ? there : 0;
  const watch = new Watch(options);
  try {
    const response = await request(url, from, watch);
    const appender = await shelf.append(folder, file, response.status === 206 ? from : 0);
    let at = response.status === 206 ? from : 0;
    try {
      for await (const chunk of chunks(response, watch)) {
        appender.write(chunk);
        at += chunk.length;
        options.onBytes(at);
        if (at > bytes) break;
      }
    } finally {
      appender.close();
    }
    if (at < bytes)
      throw new SplitmaskError("network", `the connection was cut after ${at} of ${bytes} bytes`);
  } finally {
    watch.end();
  }
}

async function request(url: string, from: number, watch: Watch): Promise<Response> {
  const headers: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {};
  const response = await watch.over(() => fetch(url, { headers, signal: watch.signal, cache: "no-store" }));
  // the file there is shorter than what is here
  if (response.status === 416) return request(url, 0, watch);
  const name = url.slice(url.lastIndexOf("/") + 1);
  if (response.status === 404 || response.status === 403) {
    throw new SplitmaskError("model.missing", `${name} is not at ${url}: choose another model`);
  }
  if (!response.ok)
    throw new SplitmaskError("network", `the server answers ${response.status} for ${name}: retry`);
  return response;
}

async function* chunks(response: Response, watch: Watch): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await watch.over(() => reader.read());
    if (done) return;
    yield value;
  }
}

/** Aborts a request that its caller cancels or that stands still, and says which. */
class Watch {
  readonly #controller = new AbortController();
  readonly #options: DownloadOptions;
  readonly #cancel = () => this.#controller.abort();

  constructor(options: DownloadOptions) {
    this.#options = options;
    if (options.signal.aborted) this.#cancel();
    options.signal.addEventListener("abort", this.#cancel);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async over<T>(step: () => Promise<T>): Promise<T> {
    let stalled = false;
    const timer = setTimeout(() => {
      stalled = true;
      this.#controller.abort();
    }, this.#options.stall);
    try {
      return await step();
    } catch (error) {
      if (this.#options.signal.aborted) throw cancelled();
      const seconds = Math.round(this.#options.stall / 1000);
      const what = stalled ? `nothing came for ${seconds} s` : offline();
      throw new SplitmaskError("network", `the download stopped: ${what}: retry goes on from here`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#options.signal.removeEventListener("abort", this.#cancel);
    this.#controller.abort();
  }
}

function offline(): string {
  return globalThis.navigator?.onLine === false ? "there is no network" : "the connection was cut or refused";
}

export function cancelled(): SplitmaskError {
  return new SplitmaskError("cancelled", "the download was cancelled; what has come is kept");
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", cancel);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", cancel, { once: true });
  });
}

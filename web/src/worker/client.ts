/** The page's end of the worker. */

import * as Comlink from "comlink";
import { type Fault, SplitmaskError } from "@/core/errors";
import type { Segmenter, WorkerEvent } from "./contract";

export type RemoteSegmenter = Comlink.Remote<Segmenter>;

/** Starts the worker; events go to `listener`. A rejected promise of it is a SplitmaskError. */
export async function connectSegmenter(listener: (event: WorkerEvent) => void): Promise<RemoteSegmenter> {
  installErrors();
  const worker = new Worker(new URL("./main.ts", import.meta.url), { type: "module", name: "splitmask" });
  const remote = Comlink.wrap<Segmenter>(worker);
  await Promise.race([remote.connect(Comlink.proxy(listener)), brokenDown(worker)]);
  return remote;
}

/** Rejects where the worker's own script fails: not found, cut off, or too new for the browser. */
function brokenDown(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener("error", (event) => {
      const why = event.message || "its script cannot be loaded";
      const what = `the part of the page that computes did not start (${why}): reload the page`;
      reject(new SplitmaskError("internal", what));
    });
  });
}

/** Errors keep their class and code on the way from the worker to the page. */
export function installErrors(): void {
  const plain = Comlink.transferHandlers.get("throw");
  if (plain === undefined || installed.done) return;
  installed.done = true;
  Comlink.transferHandlers.set("throw", {
    canHandle: plain.canHandle,
    serialize: (thrown) => plain.serialize(thrown),
    deserialize: (serialized) => {
      try {
        return plain.deserialize(serialized);
      } catch (error) {
        throw isFault(error) ? new SplitmaskError(error.code, error.message) : error;
      }
    },
  });
}

const installed = { done: false };

function isFault(value: unknown): value is Fault {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

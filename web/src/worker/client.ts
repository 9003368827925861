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
  await remote.connect(Comlink.proxy(listener));
  return remote;
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

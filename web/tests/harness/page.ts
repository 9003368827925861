/** What Playwright drives: the engine in a worker, without the studio around it. */
import { wrap } from "comlink";
import type { Harness } from "./worker";

declare global {
  interface Window {
    harness: ReturnType<typeof wrap<Harness>>;
  }
}

window.harness = wrap<Harness>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));

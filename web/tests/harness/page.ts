/** What Playwright drives: the engine in a worker, without the studio around it. */
import { wrap } from "comlink";
import { clicks } from "./clicks";
import type { Harness } from "./worker";

declare global {
  interface Window {
    harness: ReturnType<typeof wrap<Harness>>;
    clicks: (width: number, times: number) => Promise<number[]>;
  }
}

window.harness = wrap<Harness>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
window.clicks = (width, times) => clicks(window.harness, width, times);

/** The best backend that this browser has for a canvas. */

import { createCanvas2d } from "./canvas2d";
import { createCanvas2dApart } from "./canvas2d_apart";
import type { Compositor } from "./scene";
import { createWebGl2 } from "./webgl2";
import { createWebGpu } from "./webgpu";

export type Backend = Compositor["kind"];

/** A canvas keeps its first context: whoever asks again, after a loss, brings a new one and says what failed. */
export async function createCompositor(
  canvas: () => HTMLCanvasElement,
  failed: readonly Backend[] = [],
): Promise<Compositor> {
  if (!failed.includes("webgpu") && (await hasWebGpu())) {
    const made = await createWebGpu(canvas()).catch(() => null);
    if (made !== null) return made;
  }
  if (!failed.includes("webgl2")) {
    // in software every drawing takes half a second, and one on the plain canvas does not
    const made = attempt(() => createWebGl2(canvas(), false));
    if (made !== null) return made;
  }
  if (!failed.includes("canvas2d")) {
    const made = attempt(() => createCanvas2dApart(canvas()));
    if (made !== null) return made;
  }
  const last = createCanvas2d(canvas());
  if (last === null) throw new Error("this browser has no canvas to draw on");
  return last;
}

/** Asked before the canvas is: software adapters are slower than WebGL2 and are left out. */
async function hasWebGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter != null && !adapter.info.isFallbackAdapter;
}

function attempt(make: () => Compositor | null): Compositor | null {
  try {
    return make();
  } catch {
    return null;
  }
}

/** The worker's end of `canvas2d_apart.ts`: every drawing is answered once it is done. */

import { createCanvas2d } from "./canvas2d";
import type { Order } from "./canvas2d_apart";
import type { Compositor, Layer } from "./scene";

let compositor: Compositor | null = null;
let held: readonly Layer[] = [];

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if ("canvas" in data) compositor = createCanvas2d(data.canvas);
  else obey(data);
});

function obey({ size, picture, scene, layers }: Exclude<Order, { canvas: OffscreenCanvas }>): void {
  if (compositor === null) throw new Error("This browser has no canvas in workers");
  held = layers ?? held;
  if (size !== null) compositor.resize(size);
  if (picture !== null) compositor.setPicture(picture);
  compositor.draw({ ...scene, layers: held });
  postMessage(null);
}

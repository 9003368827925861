/** From a click to its mask on a canvas of the page: what a person waits for. */

import type { Remote } from "comlink";
import { decodeMask } from "@/core/rle";
import type { Harness } from "./worker";

/** Milliseconds of each click, on a frame that is encoded. */
export async function clicks(harness: Remote<Harness>, width: number, times: number): Promise<number[]> {
  const height = Math.round((width * 9) / 16);
  const canvas = document.body.appendChild(document.createElement("canvas"));
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  const picture = context.createImageData(width, height);
  const colours = new Uint32Array(picture.data.buffer);
  const mask = new Uint8Array(width * height);
  await harness.prepare(width, height);
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    const rle = await harness.click((width * ((i * 7) % 19)) / 19, (height * ((i * 5) % 17)) / 17);
    mask.fill(0);
    decodeMask(rle, mask);
    for (let p = 0; p < mask.length; p++) colours[p] = mask[p] ? 0x80_00_ff_00 : 0;
    context.putImageData(picture, 0, 0);
    took.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  return took;
}

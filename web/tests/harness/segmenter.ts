/** What Playwright drives: the worker that holds models, clips and sessions, and the page's source of frames. */

import { proxy } from "comlink";
import { runsToCounts } from "@/core/counts";
import type { FrameMasks, Rle } from "@/core/types";
import { FrameSource, type Picture } from "@/media/player";
import { connectSegmenter, type RemoteSegmenter } from "@/worker/client";
import type { WorkerEvent } from "@/worker/contract";

/** Masks as Playwright carries them: without typed arrays. */
export type PlainMasks = Record<
  number,
  { counts: string; score: number; presence: number; prompted: boolean }
>;

const events: WorkerEvent[] = [];
const segmenter = await connectSegmenter((event) => {
  events.push(event);
  window.onSegmenterEvent?.(event);
});

function file(name: string): File {
  const input = document.querySelector<HTMLInputElement>("#files");
  const found = [...(input?.files ?? [])].find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} was not given`);
  return found;
}

const plain = (rle: Rle): string => runsToCounts(rle.counts);

function plainMasks({ masks }: FrameMasks): PlainMasks {
  return Object.fromEntries(
    masks.map(({ object, rle, score, presence, prompted }) => [
      object,
      { counts: plain(rle), score, presence, prompted },
    ]),
  );
}

async function masks(id: string, frames: readonly number[]): Promise<PlainMasks[]> {
  return (await segmenter.masks(id, frames)).map(plainMasks);
}

/** RGBA of a picture, which is closed. */
function pixels(picture: Picture, width: number, height: number): Uint8ClampedArray {
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  return context.getImageData(0, 0, width, height).data;
}

/** The number that `tests/media_helpers.py` wrote into a frame as blocks of 8 pixels. */
function numberIn(data: Uint8ClampedArray, at: (x: number, y: number) => number): number {
  let number = 0;
  for (let bit = 0; bit < 10; bit++) if ((data[at(bit * 8 + 4, 8) * 4] as number) > 127) number |= 1 << bit;
  return number;
}

/** A whole take-away, as base64. */
async function takeAway(
  id: string,
  format: string,
  options: { objects?: number[]; range?: [number, number]; feather?: number; invert?: boolean },
): Promise<string> {
  const shares: number[] = [];
  const blob = await segmenter.takeAway(
    {
      clip: id,
      format,
      objects: options.objects ?? [],
      range: options.range ?? [0, 1e9],
      feather: options.feather ?? 0,
      invert: options.invert ?? false,
      labels: [
        { object: 1, name: "ball", color: "#ff0000" },
        { object: 2, name: "balloon", color: "#00ff00" },
      ],
    },
    proxy((share: number) => void shares.push(share)),
  );
  if (shares.at(-1) !== 1) throw new Error(`progress ended at ${shares.at(-1)}`);
  return base64(new Uint8Array(await blob.arrayBuffer()));
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000)
    text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

const harness = {
  ...{ segmenter, events, file, masks, plain, pixels, numberIn, takeAway, FrameSource },
  proxied: (progress: (share: number) => void) => proxy(progress),
};

declare global {
  interface Window {
    studio: typeof harness;
    onSegmenterEvent?: (event: WorkerEvent) => void;
  }
}

window.studio = harness;

export type { RemoteSegmenter };

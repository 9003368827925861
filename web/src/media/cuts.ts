/** Where the picture cuts: neighbouring frames whose colours have little in common. */

import type { Pixels } from "@/engine/base";
import type { Reader } from "./source";

const LEVELS = 8; // of each channel
const SAMPLES = 4096; // pixels looked at
const APART = 0.55; // half the summed difference of the shares, 0…1

export type Histogram = Float32Array; // (LEVELS³) shares

export function histogram({ data }: Pixels): Histogram {
  const shares = new Float32Array(LEVELS ** 3);
  const pixels = data.length / 4;
  const step = Math.max(1, Math.floor(pixels / SAMPLES));
  const share = 1 / Math.ceil(pixels / step);
  for (let p = 0; p < pixels; p += step) {
    const level = (channel: number) => ((data[p * 4 + channel] as number) * LEVELS) >> 8;
    const bin = (level(0) * LEVELS + level(1)) * LEVELS + level(2);
    shares[bin] = (shares[bin] as number) + share;
  }
  return shares;
}

export function isCut(a: Histogram, b: Histogram): boolean {
  return a.reduce((sum, share, i) => sum + Math.abs(share - (b[i] as number)), 0) / 2 > APART;
}

/** A reader that tells of cuts between the neighbouring frames of a run. onCut gets the later frame. */
export function watchingCuts(reader: Reader, onCut: (frame: number) => void): Reader {
  let last: { readonly frame: number; readonly seen: Histogram } | null = null;
  const nextInRun = async (frame: number, reverse: boolean) => {
    const pixels = await reader.nextInRun(frame, reverse);
    const seen = histogram(pixels);
    if (last !== null && Math.abs(last.frame - frame) === 1 && isCut(last.seen, seen)) {
      onCut(Math.max(last.frame, frame));
    }
    last = { frame, seen };
    return pixels;
  };
  const { size, count, isStill, given = [] } = reader;
  const features = reader.features === undefined ? {} : { features: () => reader.features?.() };
  return { size, count, isStill, given, at: (frame) => reader.at(frame), nextInRun, ...features } as Reader;
}

/**
 * COCO's compressed string of run lengths (`maskApi.c` of the COCO API; Lin et al. 2014): from the fourth run on
 * the difference to the run two before, five bits a character, the sixth bit set where more follow, plus 48.
 */

import { z } from "zod";
import { SplitmaskError } from "./errors";
import type { Rle } from "./types";

const ZERO = 48;
const MORE = 0x20;
const SIGN = 0x10;
const MAX_GROUPS = 7; // 35 bits: more than any picture has

export function runsToCounts(runs: Uint32Array): string {
  const characters: number[] = [];
  for (let i = 0; i < runs.length; i++) {
    let rest = (runs[i] as number) - (i > 2 ? (runs[i - 2] as number) : 0);
    for (let more = true; more; ) {
      const group = ((rest % 32) + 32) % 32;
      rest = Math.floor(rest / 32);
      more = group & SIGN ? rest !== -1 : rest !== 0;
      characters.push(ZERO + group + (more ? MORE : 0));
    }
  }
  return text(characters);
}

function text(characters: readonly number[]): string {
  return new TextDecoder("ascii").decode(Uint8Array.from(characters));
}

/** Throws SplitmaskError `result` where the string is empty, cut short, no COCO code, or gives a negative run. */
export function countsToRuns(counts: string): Uint32Array {
  if (counts === "") throw damaged("they are empty");
  const runs: number[] = [];
  for (let at = 0; at < counts.length; ) {
    const [value, next] = readNumber(counts, at);
    at = next;
    const run = value + (runs.length > 2 ? (runs[runs.length - 2] as number) : 0);
    if (run < 0 || run > 0xffffffff) throw damaged(`run ${runs.length} is ${run}`);
    runs.push(run);
  }
  return Uint32Array.from(runs);
}

function readNumber(counts: string, at: number): readonly [value: number, next: number] {
  let value = 0;
  let unit = 1;
  for (let n = 0; n < MAX_GROUPS; n++) {
    const group = counts.charCodeAt(at + n) - ZERO; // NaN past the end
    if (!(group >= 0 && group < 64)) throw damaged(`character ${at + n} is missing or none of COCO's`);
    value += (group & 0x1f) * unit;
    unit *= 32;
    if (!(group & MORE)) return [group & SIGN ? value - unit : value, at + n + 1];
  }
  throw damaged(`the number at character ${at} is too long`);
}

function damaged(why: string): SplitmaskError {
  return new SplitmaskError("result", `RLE counts are damaged: ${why}`);
}

export interface RleJson {
  readonly size: readonly [height: number, width: number];
  readonly counts: string;
}

export function rleToJson(rle: Rle): RleJson {
  return { size: rle.size, counts: runsToCounts(rle.counts) };
}

/** What a JSON file may hold for a mask: the compressed string, or plain run lengths. */
export const rleSchema = z.object({
  size: z.tuple([z.int().positive(), z.int().positive()]),
  counts: z.union([z.string(), z.array(z.int().nonnegative())]),
});

/** Throws SplitmaskError `result`, its message beginning with `where`, where the runs do not fill the size. */
export function rleFromJson(value: z.infer<typeof rleSchema>, where: string): Rle {
  try {
    const runs =
      typeof value.counts === "string" ? countsToRuns(value.counts) : Uint32Array.from(value.counts);
    const [height, width] = value.size;
    const sum = runs.reduce((total, run) => total + run, 0);
    if (sum !== height * width)
      throw damaged(`they add up to ${sum} pixels, not the ${height}×${width} of the mask`);
    return { size: [height, width], counts: runs };
  } catch (error) {
    if (error instanceof SplitmaskError) throw new SplitmaskError(error.code, `${where}: ${error.message}`);
    throw error;
  }
}

/** The golden vectors in fixtures/policy, which Python's policy is held to as well. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SplitmaskError } from "@/core/errors";
import { encodeMask } from "@/core/rle";
import type { FrameBox, Prompt } from "@/core/types";
import type { Decoded } from "@/engine/base";
import { Bin } from "@/session/bin";
import {
  isAmbiguous,
  maskPromptOutput,
  type Output,
  pointerMaskInput,
  singleMask,
  squareMask,
  videoOutputs,
} from "@/session/choice";
import { type Limits, select } from "@/session/memory_bank";
import { checkPrompt, promptTokens } from "@/session/prompts";
import { fromRanges, type Range, staleFrames, toRanges } from "@/session/stale";
import { Track } from "@/session/track";
import { memoryStore } from "../store/memory";

// biome-ignore lint/suspicious/noExplicitAny: the files' fields are what the tests below say
type Case = any;

function load(name: string, part = "cases"): Case[] {
  const file = new URL(`../../../../fixtures/policy/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf-8"))[part];
}

const spread = (ranges: readonly Range[]): Set<number> => new Set(fromRanges(ranges));
const NO_POINTER = new Float32Array(8).fill(-1);

describe("memory", () => {
  test.each(load("memory"))("$name", (given: Case) => {
    const limits: Limits = given.limits;
    const tracked = spread(given.tracked);
    const has = (t: number) => tracked.has(t);
    const found = select(given.frame, given.reverse, given.prompted, has, given.frames, limits);
    expect(found.memories.map(({ frame, slot }) => [frame, slot])).toEqual(given.memories);
    expect(found.pointers.map(({ frame }) => frame)).toEqual(given.pointers.map(([t]: number[]) => t));
    found.pointers.forEach(({ dt }, i) => {
      expect(dt).toBeCloseTo(given.pointers[i][1], 12);
    });
  });
});

describe("choice", () => {
  test.each(load("choice"))("$name", (given: Case) => {
    const side: number = given.masks[0].length;
    const pointers = Float32Array.from({ length: 32 }, (_, i) => Math.floor(i / 8));
    const decoded: Decoded = {
      objects: 1,
      side,
      masks: Float32Array.from(given.masks.flat(2)),
      ious: Float32Array.from(given.ious),
      presence: Float32Array.of(given.presence),
      pointers,
    };
    if (given.mode === "image") {
      expect(singleMask(decoded, 0)).toBe(given.token);
      return;
    }
    const [output] = videoOutputs(decoded, isAmbiguous(given.points), NO_POINTER);
    expect([...(output as Output).pointer]).toEqual(Array(8).fill(given.pointerToken ?? -1));
    expect(output?.score).toBe(Math.fround(given.ious[given.token]));
    expect(output?.presence).toBe(Math.fround(given.presence));
    const expected = given.present ? given.masks[given.token].flat() : Array(side * side).fill(-1024);
    expect([...(output as Output).logits]).toEqual(expected.map(Math.fround));
  });
});

describe("stale", () => {
  test.each(load("stale"))("$name", (given: Case) => {
    for (const reverse of [false, true]) {
      const found = staleFrames(given.frame, reverse, given.prompted, spread(given.tracked));
      expect(toRanges(found)).toEqual(reverse ? given.reverse : given.forward);
    }
  });
});

describe("run", () => {
  const limits = { numMemories: 7, maxPointers: 16, maxPrompted: -1, stride: 1 };
  const output: Output = {
    logits: new Float32Array(16).fill(1),
    side: 4,
    pointer: new Float32Array(8),
    score: 1,
    presence: 1,
  };
  const prompt: Prompt = { points: [], labels: [], box: null, mask: null };

  test.each(load("run"))("$name", (given: Case) => {
    const track = new Track(1, memoryStore({ width: 4, height: 4 }), new Bin());
    for (const frame of given.prompted) {
      track.prompted.set(frame, { prompt, output, direction: null, memory: null });
    }
    for (const t of spread(given.trackedForward)) track.tracked.set(t, false);
    for (const t of spread(given.trackedReverse)) track.tracked.set(t, true);
    track.stale.forward = spread(given.staleForward);
    track.stale.reverse = spread(given.staleReverse);
    const worked: number[] = [];
    for (let t = given.start; t !== given.stop; t += given.reverse ? -1 : 1) {
      if (!track.needsRun(t, given.reverse, given.redo, given.leadIn)) continue;
      const memory = { map: { dims: [], dispose() {} }, dispose() {} };
      track.commit(t, given.reverse, output, memory, limits);
      worked.push(t);
    }
    expect(toRanges(worked)).toEqual(given.worked);
    expect(toRanges(track.stale.forward)).toEqual(given.staleForwardAfter);
    expect(toRanges(track.stale.reverse)).toEqual(given.staleReverseAfter);
  });
});

function promptOf(given: Case): Prompt {
  const points = given.points.map(([x, y]: (number | null)[]) => ({
    x: x ?? Number.NaN,
    y: y ?? Number.NaN,
  }));
  return { points, labels: given.labels, box: given.box as FrameBox | null, mask: null };
}

describe("prompts", () => {
  test.each(load("prompts", "valid"))("$name", (given: Case) => {
    const size = { width: given.size[1], height: given.size[0] };
    const tokens = promptTokens(checkPrompt(promptOf(given), size), size, given.side);
    const expected: number[] = given.pointCoords.flat();
    expect(tokens.points.length).toBe(expected.length);
    expected.forEach((value, i) => {
      expect(tokens.points[i]).toBeCloseTo(value, 3);
    });
    expect([...tokens.labels]).toEqual(given.pointLabels);
  });

  test.each(load("prompts", "wrong"))("refused: $name", (given: Case) => {
    const size = { width: given.size[1], height: given.size[0] };
    expect(() => checkPrompt(promptOf(given), size)).toThrow(SplitmaskError);
  });
});

describe("mask prompt", () => {
  test.each(load("mask_prompt"))("$name", (given: Case) => {
    const cells = given.mask.flatMap((row: string) => [...row].map((cell) => (cell === "#" ? 1 : 0)));
    const size = { width: given.mask[0].length, height: given.mask.length };
    const { side } = given;
    const square = squareMask(encodeMask(cells, size), side);
    expect(rows(square, side).map((row) => row.map((v) => ".#"[v]).join(""))).toEqual(given.square);
    const constants = {
      noObjPtr: NO_POINTER,
      maskDownsampleWeight: Float32Array.from(given.weight.flat()),
      maskDownsampleBias: given.bias,
    };
    near(pointerMaskInput(square, side, constants), given.pointerMaskInput.flat());
    const decoded: Decoded = {
      objects: 1,
      side: side / 4,
      masks: new Float32Array((side * side) / 4),
      ious: new Float32Array(4),
      presence: Float32Array.of(1),
      pointers: new Float32Array(32).fill(2),
    };
    const output = maskPromptOutput(square, side, decoded, NO_POINTER);
    near(output.logits, given.logits.flat());
    expect([output.presence, output.score]).toEqual([given.presence, given.score]);
  });
});

function rows(square: Float32Array, side: number): number[][] {
  return Array.from({ length: side }, (_, y) => [...square.subarray(y * side, (y + 1) * side)]);
}

function near(found: Float32Array, expected: number[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(1e-4);
  });
}

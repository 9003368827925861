/**
 * Golden answers, by which a provider shows that it computes rightly (Python's `splitmask.engine.golden`;
 * docs/graphs.md describes the files). Inputs are made from a few numbers, the same in every language; of the
 * outputs there is a sample.
 */

import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import type { GraphName, GraphSet } from "@/engine/graphs";

export const GOLDEN_FILE = "golden.json";
const VERSION = 1;

const count = z.int().positive();
const shape = z.array(count);
const input = z.union([
  z.object({ shape, values: z.array(z.number()).min(1) }),
  z.object({ shape, seed: z.int().nonnegative(), amplitude: z.number() }),
]);
const output = z.object({
  shape,
  step: count,
  largest: z.number().nonnegative(),
  offset: z.int().nonnegative().multipleOf(4),
  count,
});
const schema = z.object({
  format: z.literal("splitmask.golden"),
  version: z.literal(VERSION),
  tolerance: z.number().positive(),
  file: z.string().regex(/^[^/\\]+$/),
  cases: z.array(
    z.object({
      graph: z.string(),
      sha256: z.string(),
      inputs: z.record(z.string(), input),
      outputs: z.record(z.string(), output),
    }),
  ),
});

export type GoldenInput = z.infer<typeof input>;

export interface GoldenOutput {
  readonly shape: readonly number[];
  readonly step: number; // the sample has every step-th number
  readonly largest: number; // of all numbers, without sign
  readonly sample: Float32Array;
}

export interface GoldenCase {
  readonly graph: GraphName;
  readonly inputs: Readonly<Record<string, GoldenInput>>;
  readonly outputs: Readonly<Record<string, GoldenOutput>>;
}

export interface Golden {
  readonly cases: readonly GoldenCase[];
  /** The largest difference that passes, as a part of an output's largest value. */
  readonly tolerance: number;
}

/** Name of the file beside golden.json that has the samples. Throws `model.corrupt`. */
export function goldenBinary(text: string): string {
  return parsed(text).file;
}

/** Cases of other graphs than those at hand are left out. Throws `model.corrupt`. */
export function parseGolden(text: string, binary: Uint8Array, graphs: GraphSet): Golden {
  const root = parsed(text);
  const current: Readonly<Record<string, { readonly sha256: string } | undefined>> = graphs.graphs;
  const cases = root.cases.filter((each) => current[each.graph]?.sha256 === each.sha256);
  return {
    tolerance: root.tolerance,
    cases: cases.map((each) => ({
      graph: each.graph as GraphName,
      inputs: each.inputs,
      outputs: Object.fromEntries(
        Object.entries(each.outputs).map(([name, info]) => [
          name,
          { ...info, sample: sampleOf(info, binary) },
        ]),
      ),
    })),
  };
}

function parsed(text: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new SplitmaskError("model.corrupt", `${GOLDEN_FILE} is damaged: export the model again`, {
      cause: error,
    });
  }
}

function sampleOf(info: z.infer<typeof output>, binary: Uint8Array): Float32Array {
  const end = info.offset + 4 * info.count;
  if (end > binary.length || info.count !== Math.ceil(size(info.shape) / info.step)) {
    throw new SplitmaskError("model.corrupt", "the golden answers are cut short: export the model again");
  }
  const start = binary.byteOffset;
  return new Float32Array(binary.buffer.slice(start + info.offset, start + end));
}

/** An input as every program makes it. */
export function inputArray(info: GoldenInput): Float32Array {
  const length = size(info.shape);
  if ("seed" in info) return noise(length, info.seed, info.amplitude);
  const only = info.values.length === 1 ? info.values[0] : undefined;
  return only === undefined ? Float32Array.from(info.values) : new Float32Array(length).fill(only);
}

/** Uniform in ±amplitude: a hash of the index (lowbias32, C. Wellons), its upper 24 bits as a fraction. */
function noise(length: number, seed: number, amplitude: number): Float32Array {
  const offset = Math.imul(seed, 0x9e3779b9);
  const scale = Math.fround(amplitude);
  return Float32Array.from({ length }, (_, i) => {
    let h = (i + offset) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    h ^= h >>> 16;
    return ((h >>> 8) / (1 << 23) - 1) * scale;
  });
}

/** Rejects with `provider.failed` at the first output that is not the stored one. */
export async function checkGolden(
  golden: Golden,
  answer: (each: GoldenCase) => Promise<Record<string, Float32Array>>,
): Promise<void> {
  for (const each of golden.cases) {
    const found = await answer(each);
    for (const [name, expected] of Object.entries(each.outputs)) {
      const off = difference(found[name], expected);
      if (off <= golden.tolerance) continue;
      const much = Number.isFinite(off) ? `off by ${(off * 100).toPrecision(2)} %` : "not what it should be";
      throw new SplitmaskError("provider.failed", `it computes wrongly: ${each.graph}'s ${name} is ${much}`);
    }
  }
}

/** The largest difference, as a part of the largest value; infinite where it is not comparable. */
export function difference(found: Float32Array | undefined, expected: GoldenOutput): number {
  if (found?.length !== size(expected.shape) || !found.every(Number.isFinite))
    return Number.POSITIVE_INFINITY;
  let off = 0;
  expected.sample.forEach((value, i) => {
    off = Math.max(off, Math.abs((found[i * expected.step] as number) - value));
  });
  return off / Math.max(expected.largest, 1e-6);
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

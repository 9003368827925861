/** Stored inputs and outputs of a model's graphs, by which a provider shows that it computes rightly. */

import { SplitmaskError } from "@/core/errors";
import type { GraphName } from "@/engine/graphs";

export interface GoldenTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface GoldenCase {
  readonly graph: GraphName;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}

export interface Golden {
  readonly cases: readonly GoldenCase[];
  /** The largest difference that passes, relative to an output's largest value. */
  readonly tolerance: number;
}

/** Rejects with `provider.failed` at the first output that is not the stored one. */
export async function checkGolden(
  golden: Golden,
  answer: (each: GoldenCase) => Promise<Record<string, Float32Array>>,
): Promise<void> {
  for (const each of golden.cases) {
    const found = await answer(each);
    for (const [name, expected] of Object.entries(each.outputs)) {
      const off = difference(found[name], expected.data);
      if (off <= golden.tolerance) continue;
      const much = Number.isFinite(off) ? `off by ${(off * 100).toPrecision(2)} %` : "not numbers";
      throw new SplitmaskError("provider.failed", `it computes wrongly: ${each.graph}'s ${name} is ${much}`);
    }
  }
}

/** The largest difference, relative to the largest value; infinite for anything that is not a number. */
export function difference(found: Float32Array | undefined, expected: Float32Array): number {
  if (found?.length !== expected.length) return Number.POSITIVE_INFINITY;
  let off = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs((found[i] as number) - (expected[i] as number));
    if (!(apart < Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
    off = Math.max(off, apart);
    largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  return largest > 0 ? off / largest : off;
}

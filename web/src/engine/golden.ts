/** Stored inputs and outputs of a model's graphs, by which a provider shows that it computes rightly. */

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

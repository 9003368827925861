/** Where an engine gets its graphs from: it asks by name, whoever keeps them verifies the bytes. */

import type { Golden } from "@/engine/golden";
import type { GraphName, GraphSet } from "@/engine/graphs";

export interface ModelFiles {
  readonly graphs: GraphSet;
  /** Stored inputs and outputs; null where the model came without. */
  readonly golden: Golden | null;
  /** The bytes of one graph, their SHA-256 checked. Rejects with `model.missing` or `model.corrupt`. */
  read(name: GraphName): Promise<Uint8Array>;
}

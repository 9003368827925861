/** What the worker asks of models; `openModelStore` (models/browser.ts) makes one. */

import type { LoadedEngine, Provider } from "@/engine/base";
import type { ModelEntry, ModelId, ModelState } from "@/models/types";

export interface ModelStore {
  /** Those of models.json, then those dropped. */
  entries(): Promise<readonly ModelEntry[]>;
  /**
   * Downloads what is missing, verifies, loads, checks against the golden answers; each step goes to the
   * listener. A second call for the same model joins the first. Rejects with what the listener got as `fault`.
   */
  load(id: ModelId, prefer: Provider | null): Promise<LoadedEngine>;
  /** The last state of a model, as the listener got it. */
  state(id: ModelId): ModelState;
  /** Ends a download; what has come stays, for the next one to go on from. */
  cancel(id: ModelId): void;
  /** A folder's files: graphs.json and its graphs, with or without all but the decoder. */
  add(name: string, files: readonly File[]): Promise<ModelEntry>;
  remove(id: ModelId): Promise<void>;
  report(): Promise<ModelStorage>;
}

export interface ModelStorage {
  readonly usage: number; // bytes, of this origin
  readonly quota: number;
  readonly persisted: boolean;
  readonly models: readonly { readonly id: ModelId; readonly bytes: number }[];
}

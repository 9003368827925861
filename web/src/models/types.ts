/** What the page shows of models: what there is, and how far each one is. */

import type { Fault } from "@/core/errors";
import type { Provider } from "@/engine/base";

export type ModelId = string; // "nano", "sam2.1-small", … of models.json, or "folder:NAME" for a dropped one

export type ModelStatus = "absent" | "downloading" | "loading" | "ready" | "error";

export interface ModelEntry {
  readonly id: ModelId;
  readonly title: string;
  readonly about: string; // one line: what for
  readonly licence: string;
  readonly bytes: number;
  readonly bundled: boolean; // comes with the page: no download to ask for
  readonly stored: boolean; // lies in this browser's storage
  readonly tracks: boolean; // has the memory graphs
}

export interface ModelState {
  readonly id: ModelId;
  readonly status: ModelStatus;
  readonly loaded: number; // bytes
  readonly total: number; // bytes
  readonly rate: number; // bytes per second, 0 while unknown
  readonly provider: Provider | null; // when ready
  readonly description: string; // the engine's, when ready
  /** Why the provider is not the fastest one: for the banner. */
  readonly fallback: string | null;
  readonly fault: Fault | null;
}

/** The worker's side of the contract. */

import type { Segmenter } from "./contract";

export type { Segmenter };

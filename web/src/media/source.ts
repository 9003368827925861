/** How frames are read, by whoever needs them one at a time. */

import type { Size } from "@/core/types";
import type { FeatureArrays, Pixels } from "@/engine/base";

/** Frames of one clip. */
export interface Reader {
  readonly size: Size; // upright
  readonly count: number;
  /** One picture by itself, which is answered by the policy for images. */
  readonly isStill: boolean;
  /** Upright pixels of a frame; of a huge one, at a smaller scale. Rejects with `prompt` if there is none. */
  at(index: number): Promise<Pixels>;
  /** The same, cheap where it follows the one read last in the run's direction. */
  nextInRun(index: number, reverse: boolean): Promise<Pixels>;
  /** Of a bundle: what was encoded elsewhere, in place of pictures. */
  features?(): Promise<FeatureArrays>;
}

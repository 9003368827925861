/** How frames are read, by whoever needs them one at a time. */

import type { Prompt, Size } from "@/core/types";
import type { FeatureArrays, Pixels } from "@/engine/base";

/** What a bundle of a tracked frame says of an object there: enough to correct it with the decoder alone. */
export interface Given {
  readonly object: number;
  readonly name: string;
  readonly color: string; // #rrggbb
  readonly embed: FeatureArrays["imageEmbed"] | null; // conditioned on its past; null: the frame's own
  /** Its mask so far, logits (M, M); null: it has none. */
  readonly mask: {
    readonly logits: Float32Array;
    readonly side: number; // M
    readonly score: number;
    readonly presence: number;
  } | null;
  readonly prompt: Prompt | null; // what was said of it on this frame
}

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
  /** Of a bundle: the objects that were tracked to its frame, which is frame 0 here. */
  readonly given?: readonly Given[];
}

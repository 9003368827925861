/** What is kept of a track beside its results, as a record of the log: JSON. */

import { rleFromJson, rleToJson } from "@/core/counts";
import type { Prompt } from "@/core/types";
import type { TrackState } from "@/session/track";
import { KIND, packRecord } from "./records";

/** A whole record. */
export function stateRecord(state: TrackState): Uint8Array {
  const prompted = state.prompted.map((each) => ({ ...each, prompt: promptToJson(each.prompt) }));
  const text = JSON.stringify({ ...state, prompted });
  return packRecord({ kind: KIND.state, object: state.object }, [new TextEncoder().encode(text)]);
}

function promptToJson(prompt: Prompt): unknown {
  return { ...prompt, mask: prompt.mask === null ? null : rleToJson(prompt.mask) };
}

export function readState(body: Uint8Array): TrackState {
  const state = JSON.parse(new TextDecoder().decode(body)) as SavedState;
  const prompted = state.prompted.map((each) => {
    const mask = each.prompt.mask === null ? null : rleFromJson(each.prompt.mask, "a saved prompt");
    return { ...each, prompt: { ...each.prompt, mask } };
  });
  return { ...state, prompted };
}

/** As `stateRecord` writes it. */
type SavedState = Omit<TrackState, "prompted"> & {
  readonly prompted: readonly (Omit<TrackState["prompted"][number], "prompt"> & {
    readonly prompt: Omit<Prompt, "mask"> & { readonly mask: SavedMask | null };
  })[];
};
type SavedMask = { size: [number, number]; counts: string };

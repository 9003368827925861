/** The studio's stores for components. */

import { createContext, useContext } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import type { ClipDoc, StudioDoc } from "@/state/document";
import type { Live } from "@/state/live";
import type { Studio } from "@/state/studio";
import type { ClipInfo } from "@/worker/contract";

export const StudioContext = createContext<Studio | null>(null);

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (studio === null) throw new Error("no studio above this component");
  return studio;
}

export function useLive<T>(select: (live: Live) => T): T {
  return useStore(useStudio().live, useShallow(select));
}

export function useDoc<T>(select: (doc: StudioDoc) => T): T {
  return useStore(useStudio().history.store, (state) => select(state.doc));
}

export function useClip(): ClipDoc | null {
  const id = useLive((live) => live.clip);
  return useDoc((doc) => (id === null ? null : (doc.clips[id] ?? null)));
}

export function useInfo(): ClipInfo | null {
  return useLive((live) => (live.clip === null ? null : (live.infos[live.clip] ?? null)));
}

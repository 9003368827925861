/** A document with undo and redo. No framework: a zustand store that anything can subscribe to. */

import { createStore, type StoreApi } from "zustand/vanilla";
import { apply, type Delta, diff, invert, join } from "@/state/delta";

export interface Entry {
  readonly label: string; // "Add point": what Undo and Redo are called
  readonly delta: Delta;
  readonly merge: string | null; // changes in a row with the same key are one step (a drag, a slider)
  /** What cannot be had back from the document alone; given to whoever undoes it. */
  readonly keepsake: Keepsake | null;
}

/** Masks that an undo brings back: the clip's whole result as it was before. */
export interface Keepsake {
  readonly clip: string;
  readonly result: string; // result.json
}

export interface HistoryState<T> {
  readonly doc: T;
  readonly past: readonly Entry[];
  readonly future: readonly Entry[];
}

export interface ChangeOptions {
  readonly merge?: string;
  readonly keepsake?: Keepsake;
}

export interface History<T> {
  readonly store: StoreApi<HistoryState<T>>;
  doc(): T;
  /** Nothing is kept where nothing changed. */
  change(label: string, edit: (doc: T) => T, options?: ChangeOptions): void;
  /** Ends a gesture: the next change with the same merge key is a step of its own. */
  seal(): void;
  undo(): Entry | null;
  redo(): Entry | null;
  /** Another document, without a past. */
  reset(doc: T): void;
  /** A change that no one would undo (a clip's file was found again). */
  amend(edit: (doc: T) => T): void;
}

const LONGEST = 300; // steps

export function createHistory<T>(initial: T): History<T> {
  const store = createStore<HistoryState<T>>(() => ({ doc: initial, past: [], future: [] }));
  const { getState, setState } = store;

  function change(label: string, edit: (doc: T) => T, options: ChangeOptions = {}): void {
    const { doc, past } = getState();
    const next = edit(doc);
    const delta = diff(doc, next);
    if (delta.length === 0) return;
    const entry: Entry = { label, delta, merge: options.merge ?? null, keepsake: options.keepsake ?? null };
    setState({ doc: next, past: added(past, entry, doc).slice(-LONGEST), future: [] });
  }

  function seal(): void {
    const { past } = getState();
    const last = past.at(-1);
    if (last?.merge != null) setState({ past: [...past.slice(0, -1), { ...last, merge: null }] });
  }

  function undo(): Entry | null {
    const { doc, past, future } = getState();
    const entry = past.at(-1);
    if (entry === undefined) return null;
    setState({ doc: apply(doc, invert(entry.delta)), past: past.slice(0, -1), future: [...future, entry] });
    return entry;
  }

  function redo(): Entry | null {
    const { doc, past, future } = getState();
    const entry = future.at(-1);
    if (entry === undefined) return null;
    setState({ doc: apply(doc, entry.delta), past: [...past, entry], future: future.slice(0, -1) });
    return entry;
  }

  return {
    store,
    doc: () => getState().doc,
    change,
    seal,
    undo,
    redo,
    reset: (doc) => setState({ doc, past: [], future: [] }),
    amend: (edit) => setState({ doc: edit(getState().doc) }),
  };
}

function added<T>(past: readonly Entry[], entry: Entry, doc: T): readonly Entry[] {
  const last = past.at(-1);
  if (entry.merge === null || last?.merge !== entry.merge) return [...past, entry];
  const start = apply(doc, invert(last.delta));
  return [...past.slice(0, -1), { ...entry, delta: join(last.delta, entry.delta, start) }];
}

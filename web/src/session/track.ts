/**
 * What a session knows of one object: its prompts, which frames hold results, what is stale
 * (Python's `splitmask.session.track`).
 *
 * Numbers and arrays only; the engine is called elsewhere. Memories and pointers are held for prompted frames and
 * for the few frames that a run can still attend to. A memory that is let go of goes to the bin, as a verb under
 * way may still read it.
 */

import type { Prompt } from "@/core/types";
import type { Memory } from "@/engine/base";
import type { Given } from "@/media/source";
import type { Bin } from "./bin";
import type { Output } from "./choice";
import { givenFeed, givenOutput } from "./given";
import { type Limits, liveWindow, type Selection, select } from "./memory_bank";
import { refines } from "./prompts";
import type { Results } from "./results";
import { fromRanges, isReached, type Range, staleFrames, toRanges } from "./stale";

// Made anew for a click far from where a run stands: two windows of each, so that the run's stay too.
const HELD_MEMORIES = 16;
const HELD_POINTERS = 64;

/** A prompted frame. */
export interface Prompted {
  readonly prompt: Prompt;
  readonly output: Output;
  direction: boolean | null; // of the run that has passed it (true: reverse), null if none has
  memory: Memory | null; // made once it is needed, or the session turns to another frame
}

/** All of a track that is not in its results: what is kept of it between visits. */
export interface TrackState {
  readonly object: number;
  readonly prompted: readonly {
    readonly frame: number;
    readonly prompt: Prompt;
    readonly direction: boolean | null;
  }[];
  readonly tracked: { readonly forward: readonly Range[]; readonly reverse: readonly Range[] };
  readonly stale: { readonly forward: readonly Range[]; readonly reverse: readonly Range[] };
}

/** Stale frames of runs forward and in reverse. */
export interface Stale {
  forward: Set<number>;
  reverse: Set<number>;
}

export class Track {
  readonly object: number;
  readonly prompted = new Map<number, Prompted>();
  readonly tracked = new Map<number, boolean>(); // a frame that a run gave a result → the run's direction
  readonly stale: Stale = { forward: new Set(), reverse: new Set() };
  readonly memories = new Map<number, Memory>();
  readonly pointers = new Map<number, Float32Array>();
  /** Counts what a person changed: a run's step that saw another number must not be kept. */
  version = 0;
  private readonly store: Results;
  private readonly bin: Bin;
  /** What a bundle says of the object on its one frame. */
  readonly given: Given | null;

  constructor(object: number, store: Results, bin: Bin, given: Given | null = null) {
    this.object = object;
    this.store = store;
    this.bin = bin;
    this.given = given;
  }

  get promptedFrames(): number[] {
    return [...this.prompted.keys()].sort((a, b) => a - b);
  }

  staleIn(reverse: boolean): Set<number> {
    return reverse ? this.stale.reverse : this.stale.forward;
  }

  /** Whether the frame's mask comes from a run that a changed prompt has overtaken. */
  isOutdated(frame: number): boolean {
    const direction = this.tracked.get(frame);
    return direction !== undefined && this.staleIn(direction).has(frame);
  }

  /** Whether the frame has a result that may be attended to. */
  isFresh(frame: number): boolean {
    return this.tracked.has(frame) && !this.isOutdated(frame);
  }

  hasResult(frame: number): boolean {
    return this.prompted.has(frame) || this.tracked.has(frame);
  }

  /** The object on that frame, from a prompt, from the bundle or from the store. */
  output(frame: number): Output | null {
    const prompted = this.prompted.get(frame);
    if (prompted !== undefined) return prompted.output;
    if (!this.tracked.has(frame)) return null;
    return givenOutput(this.given) ?? this.store.get(this.object, frame);
  }

  /** What the next decoding on the frame is fed with: the mask so far, unless something was taken back since. */
  before(frame: number, now: Prompt): Output | null {
    if (refines(this.prompted.get(frame)?.prompt, now)) return this.output(frame);
    return givenFeed(this.given, now);
  }

  /** As the bundle has it; prompted: with what was said there. False where it has no mask yet. */
  give(prompted: boolean): boolean {
    const output = givenOutput(this.given);
    if (output === null) return false;
    const prompt = prompted ? (this.given?.prompt ?? null) : null;
    this.store.put(this.object, 0, output, prompt === null ? false : null);
    if (prompt === null) this.tracked.set(0, false);
    else this.prompted.set(0, { prompt, output, direction: false, memory: null });
    return true;
  }

  /** Of the run that has been at the frame; null if none has. */
  direction(frame: number): boolean | null {
    const prompted = this.prompted.get(frame);
    return prompted === undefined ? (this.tracked.get(frame) ?? null) : prompted.direction;
  }

  /** Whether a run has to work on the frame. redo: also where the result is fresh; leadIn: also before the
   * object's first prompted frame. */
  needsRun(frame: number, reverse: boolean, redo: boolean, leadIn: boolean): boolean {
    if (this.prompted.size === 0 || this.prompted.has(frame)) return false;
    if (this.tracked.has(frame) && !redo) {
      const stale = this.staleIn(reverse).has(frame) || this.isOutdated(frame);
      return stale && this.isRun(frame, reverse, leadIn);
    }
    return this.isRun(frame, reverse, leadIn);
  }

  private isRun(frame: number, reverse: boolean, leadIn: boolean): boolean {
    return leadIn || isReached(frame, reverse, this.promptedFrames, (t) => this.isFresh(t));
  }

  /** What is attended to on the frame. A frame never attends to itself. */
  select(frame: number, reverse: boolean, frames: number | null, limits: Limits): Selection {
    const others = this.promptedFrames.filter((t) => t !== frame);
    return select(frame, reverse, others, (t) => this.isFresh(t), frames, limits);
  }

  memory(frame: number): Memory | null {
    const prompted = this.prompted.get(frame);
    return prompted === undefined ? (this.memories.get(frame) ?? null) : prompted.memory;
  }

  /** Keeps a memory that was made anew; of tracked frames only the latest few such. */
  holdMemory(frame: number, memory: Memory): void {
    const prompted = this.prompted.get(frame);
    this.letGo(this.memory(frame));
    if (prompted !== undefined) {
      prompted.memory = memory;
      return;
    }
    this.memories.delete(frame);
    this.memories.set(frame, memory);
    for (const t of oldest(this.memories, HELD_MEMORIES)) this.dropMemory(t);
  }

  pointer(frame: number): Float32Array | null {
    const prompted = this.prompted.get(frame);
    if (prompted !== undefined) return prompted.output.pointer;
    const held = this.pointers.get(frame) ?? this.store.pointer(this.object, frame);
    if (held === null) return null;
    this.pointers.set(frame, held);
    for (const t of oldest(this.pointers, HELD_POINTERS)) this.pointers.delete(t);
    return held;
  }

  /** Makes the frame a prompted one, with that result; what follows from it becomes stale. */
  setPrompt(frame: number, prompt: Prompt, output: Output): void {
    const direction = this.direction(frame);
    this.store.put(this.object, frame, output, null); // first, as there may be no room for it
    this.forget(frame);
    this.prompted.set(frame, { prompt, output, direction, memory: null });
    this.tracked.delete(frame);
    this.markStale(frame);
    this.version += 1;
  }

  /** Takes the prompt away. A frame that a run has passed keeps its mask, stale, until it is run again; without
   * any prompt left, the object has no masks. */
  removePrompt(frame: number): void {
    const removed = this.prompted.get(frame);
    if (removed === undefined) return;
    this.forget(frame);
    this.prompted.delete(frame);
    this.version += 1;
    if (this.prompted.size === 0) {
      this.clearResults();
      return;
    }
    if (removed.direction === null) {
      this.store.drop(this.object, frame);
    } else {
      this.store.put(this.object, frame, removed.output, removed.direction);
      this.tracked.set(frame, removed.direction);
    }
    this.markStale(frame);
  }

  /** Keeps a run's result, and lets go of what the run will not attend to any more. */
  commit(frame: number, reverse: boolean, output: Output, memory: Memory, limits: Limits): void {
    this.store.put(this.object, frame, output, reverse);
    this.dropMemory(frame);
    this.memories.set(frame, memory);
    this.pointers.set(frame, output.pointer);
    this.tracked.set(frame, reverse);
    this.stale.forward.delete(frame);
    this.stale.reverse.delete(frame);
    if (this.isLeadIn(frame, reverse)) this.staleIn(!reverse).add(frame); // a guess: a run from the prompt does it better
    this.trim(frame, reverse, limits);
  }

  /** Notes that a run has been at a prompted frame: a later click there corrects, in its direction. */
  passPrompted(frame: number, reverse: boolean): void {
    const prompted = this.prompted.get(frame);
    if (prompted !== undefined) prompted.direction = reverse;
  }

  /** Lets go of all that lies with the engine; it is made anew when it is needed. */
  releaseMemories(): void {
    for (const frame of [...this.memories.keys()]) this.dropMemory(frame);
    for (const prompted of this.prompted.values()) {
      this.letGo(prompted.memory);
      prompted.memory = null;
    }
  }

  /** Forgets the object: nothing of it is to be used any more. */
  dispose(): void {
    this.version += 1;
    this.releaseMemories();
    this.store.drop(this.object);
  }

  state(): TrackState {
    const inDirection = (reverse: boolean) =>
      [...this.tracked].flatMap(([t, d]) => (d === reverse ? [t] : []));
    return {
      object: this.object,
      prompted: this.promptedFrames.map((frame) => {
        const { prompt, direction } = this.prompted.get(frame) as Prompted;
        return { frame, prompt, direction };
      }),
      tracked: { forward: toRanges(inDirection(false)), reverse: toRanges(inDirection(true)) },
      stale: { forward: toRanges(this.stale.forward), reverse: toRanges(this.stale.reverse) },
    };
  }

  /** Takes over a state; what the store has no result of is left out. False where neither a prompt is left nor a
   * bundle's mask. */
  restore(state: TrackState): boolean {
    for (const { frame, prompt, direction } of state.prompted) {
      const output = this.store.get(this.object, frame);
      if (output !== null) this.prompted.set(frame, { prompt, output, direction, memory: null });
    }
    for (const reverse of [false, true]) {
      const name = reverse ? "reverse" : "forward";
      for (const frame of fromRanges(state.tracked[name])) {
        if (this.store.kept(this.object, frame) !== null) this.tracked.set(frame, reverse);
      }
      for (const frame of fromRanges(state.stale[name])) this.staleIn(reverse).add(frame);
    }
    return this.prompted.size > 0 || (this.given !== null && this.tracked.size > 0);
  }

  private isLeadIn(frame: number, reverse: boolean): boolean {
    const behind = reverse ? frame + 1 : frame - 1;
    const carried = this.isFresh(behind) && !this.staleIn(!reverse).has(behind);
    return !(carried || isReached(frame, reverse, this.promptedFrames, () => false));
  }

  private trim(frame: number, reverse: boolean, limits: Limits): void {
    const window = liveWindow(frame, reverse, limits);
    for (const t of [...this.memories.keys()]) if (!window.has(t)) this.dropMemory(t);
    for (const t of [...this.pointers.keys()]) {
      const ago = reverse ? t - frame : frame - t;
      if (ago < 0 || ago >= limits.maxPointers) this.pointers.delete(t);
    }
  }

  private markStale(frame: number): void {
    for (const reverse of [false, true]) {
      const stale = this.staleIn(reverse);
      stale.delete(frame);
      for (const t of staleFrames(frame, reverse, this.promptedFrames, this.tracked.keys())) stale.add(t);
    }
  }

  private forget(frame: number): void {
    this.letGo(this.prompted.get(frame)?.memory ?? null);
    this.dropMemory(frame);
    this.pointers.delete(frame);
  }

  private clearResults(): void {
    this.releaseMemories();
    this.store.drop(this.object);
    this.tracked.clear();
    this.pointers.clear();
    this.stale.forward.clear();
    this.stale.reverse.clear();
  }

  private dropMemory(frame: number): void {
    this.letGo(this.memories.get(frame) ?? null);
    this.memories.delete(frame);
  }

  private letGo(memory: Memory | null): void {
    if (memory !== null) this.bin.add(memory);
  }
}

function oldest<T>(held: ReadonlyMap<number, T>, limit: number): number[] {
  return [...held.keys()].slice(0, Math.max(0, held.size - limit));
}

/**
 * A session on one clip: say what an object is on any frame, get its mask on all of them
 * (Python's `splitmask.session.video`).
 *
 * The policy is that of SAM 2's official video predictor (Ravi et al. 2024) with three differences: a corrected
 * frame becomes a prompted one, only what is new or stale is worked on, and all objects that need a frame share
 * each call of the engine. A person's clicks go before the next verb of a run.
 */

import { SplitmaskError } from "@/core/errors";
import type { FrameMasks, ObjectMask, Prompt, Rle } from "@/core/types";
import type { Engine, Features } from "@/engine/base";
import type { Reader } from "@/media/source";
import { Bin } from "./bin";
import { limitsOf } from "./memory_bank";
import { Priority } from "./priority";
import { checkAlone, checkFrame, checkPrompt } from "./prompts";
import type { Results } from "./results";
import { plannedFrames, type RunOptions, runBounds, workOn } from "./run";
import { type Range, toRanges } from "./stale";
import { Track, type TrackState } from "./track";
import { Tracker } from "./tracker";

/** Prompted frames that are attended to at most: the graphs have room for no more. */
const MAX_PROMPTED = 4;

export interface Decided {
  readonly mask: ObjectMask;
  readonly stale: readonly Range[];
}

export interface RunStep {
  readonly masks: FrameMasks;
  readonly done: number;
  readonly total: number;
}

export class VideoSession {
  readonly reader: Reader;
  private readonly store: Results;
  private readonly tracks = new Map<number, Track>();
  private readonly bin = new Bin();
  private readonly priority = new Priority();
  private tracker: Tracker | null = null;
  private run: object | null = null; // of the run under way, its token

  constructor(reader: Reader, store: Results) {
    this.reader = reader;
    this.store = store;
    const known = store.states();
    this.restore(known);
    if (known.length === 0) this.takeGiven();
  }

  /** Computes with this engine from now on. Memories of another are made anew; its masks stay. */
  use(engine: Engine): void {
    if (this.tracker?.engine === engine) return;
    this.stop();
    this.release();
    this.store.use(engine.weightsSha256, engine.preset.imageSize / 4);
    this.tracker = new Tracker(
      engine,
      this.reader,
      limitsOf(engine.preset, MAX_PROMPTED),
      this.bin,
      this.priority,
    );
  }

  /** In the order in which they were first prompted. */
  get objects(): number[] {
    return [...this.tracks.keys()];
  }

  /** How often a frame had to be encoded so far. */
  get encodes(): number {
    return this.tracker?.cache.encodes ?? 0;
  }

  track(object: number): Track {
    const track = this.tracks.get(object);
    if (track !== undefined) return track;
    const known = this.objects.join(", ") || "none";
    throw new SplitmaskError("prompt", `there is no object ${object}: known objects are ${known}`);
  }

  /** All that was said, by object, then by frame. */
  get prompts(): { readonly object: number; readonly frame: number; readonly prompt: Prompt }[] {
    return [...this.tracks.values()].flatMap((track) => {
      const { object, prompted } = track.state();
      return prompted.map(({ frame, prompt }) => ({ object, frame, prompt }));
    });
  }

  /** Encodes a frame ahead of a click on it, unless overtaken by then. */
  prepare(frame: number, isOvertaken: () => boolean): Promise<void> {
    checkFrame(frame, this.reader.count);
    return this.urgent(async (tracker) => {
      if (!isOvertaken()) await tracker.edit(frame, this.tracks.values());
    });
  }

  /** Whether a click on the frame would have to encode it first. */
  isEncoded(frame: number): boolean {
    return this.tracker !== null && this.tracker.cache.peek(frame) !== null;
  }

  /**
   * Says what an object is on a frame, in place of what was said there, and gives its mask. Where the object has
   * been tracked already, the masks from here to its next prompted frame become stale, in either direction, until
   * they are run again. isOvertaken is asked once the session gets to it: true gives null and changes nothing.
   *
   * Rejects with `prompt` if the frame does not exist or the prompt does not fit it.
   */
  addPrompt(
    object: number,
    frame: number,
    prompt: Prompt,
    isOvertaken: () => boolean = () => false,
  ): Promise<Decided | null> {
    return this.urgent(async (tracker) => {
      if (isOvertaken()) return null;
      checkFrame(frame, this.reader.count);
      const where = `frame ${frame}, object ${object}: `;
      const checked = checkPrompt(prompt, this.reader.size, where);
      if (!this.reader.isStill) checkAlone(checked, where);
      const track = this.tracks.get(object) ?? this.begun(object);
      const features = await tracker.edit(frame, this.tracks.values());
      if (isOvertaken()) return null;
      const output = await tracker.answer(track, frame, features, checked);
      if (isOvertaken()) return null;
      track.setPrompt(frame, checked, output);
      this.tracks.set(object, track);
      this.save(track);
      return { mask: this.maskOf(track, frame), stale: this.stale(object) };
    });
  }

  /** What a prompt there would give; changes nothing. null where the frame is not encoded or has no mask. */
  preview(frame: number, prompt: Prompt, isOvertaken: () => boolean): Promise<Rle | null> {
    return this.urgent(async (tracker) => {
      const features = tracker.cache.peek(frame);
      if (isOvertaken() || features === null) return null;
      const checked = checkPrompt(prompt, this.reader.size, `frame ${frame}: `);
      return this.store.toMask(await tracker.preview(features, checked));
    });
  }

  /** Lends the features of a frame, encoded if need be, to a question that changes nothing. */
  ask<T>(frame: number, question: (engine: Engine, features: Features) => Promise<T>): Promise<T> {
    checkFrame(frame, this.reader.count);
    return this.urgent(async (tracker) => {
      const features = await tracker.edit(frame, this.tracks.values());
      return question(tracker.engine, features);
    });
  }

  /**
   * Takes back all that was said of an object on a frame; without any prompt left it has no masks, but those that
   * a bundle came with.
   */
  removePrompt(object: number, frame: number): Promise<void> {
    return this.priority.first(async () => {
      const track = this.track(object);
      if (!track.prompted.has(frame)) {
        const known = track.promptedFrames.join(", ") || "none";
        const where = `object ${object} has no prompt on frame ${frame}`;
        throw new SplitmaskError("prompt", `${where}: it has on ${known}`);
      }
      track.removePrompt(frame);
      if (track.prompted.size > 0 || track.give(false)) this.save(track);
      else this.forget(track);
    });
  }

  removeObject(object: number): Promise<void> {
    return this.priority.first(async () => this.forget(this.track(object)));
  }

  /** Forgets all objects, and ends the run under way. */
  clear(): Promise<void> {
    this.stop();
    return this.priority.first(async () => {
      for (const track of [...this.tracks.values()]) this.forget(track);
    });
  }

  /** Takes over what was found elsewhere, in place of all there was. */
  restore(states: readonly TrackState[]): void {
    for (const state of states) {
      const track = this.begun(state.object);
      if (track.restore(state)) this.tracks.set(state.object, track);
    }
  }

  /** The objects that a bundle comes with. */
  private takeGiven(): void {
    for (const { object } of this.reader.given ?? []) {
      const track = this.begun(object);
      if (!track.give(true)) continue;
      this.tracks.set(object, track);
      this.save(track);
    }
  }

  private begun(object: number): Track {
    const given = this.reader.given?.find((each) => each.object === object);
    return new Track(object, this.store, this.bin, given);
  }

  /**
   * Tracks all objects from frame to frame, and gives the masks of each frame that it worked on. Ends at the
   * clip's end or the frame before `stop`, after maxFrames such frames, when `stop` is called or another run begins; what is done is kept,
   * and the next run goes on from there.
   *
   * Throws `prompt` if there is no prompt, or no frame `start`.
   */
  async *propagate(
    start: number | null,
    maxFrames: number | null,
    options: RunOptions,
  ): AsyncGenerator<RunStep, "done" | "stopped", undefined> {
    const tracker = this.needTracker();
    const prompted = [...this.tracks.values()].flatMap((track) => track.promptedFrames);
    const [first, end] = runBounds(start, options, prompted, this.reader.count);
    const token = {};
    this.run = token;
    const planned = plannedFrames([...this.tracks.values()], first, end, options);
    const total = Math.min(planned, maxFrames ?? Number.POSITIVE_INFINITY);
    try {
      const onward = options.reverse ? -1 : 1;
      let done = 0;
      for (let frame = first; (end - frame) * onward > 0 && done < total; frame += onward) {
        if (this.run !== token) return "stopped";
        const masks = await this.step(tracker, frame, options, () => this.run === token);
        if (masks !== null) yield { masks, done: ++done, total };
      }
      return this.run === token ? "done" : "stopped";
    } finally {
      for (const track of this.tracks.values()) this.save(track);
    }
  }

  /** Ends the run under way after the frame it is on, without waiting. */
  stop(): void {
    this.run = null;
  }

  /** The masks that a frame has so far. */
  masks(frame: number): FrameMasks {
    const held = [...this.tracks.values()].filter((track) => track.hasResult(frame));
    return { frame, masks: held.map((track) => this.maskOf(track, frame)) };
  }

  /** Frames that have masks, ascending. */
  frames(): number[] {
    const frames = [...this.tracks.values()].flatMap((t) => [...t.prompted.keys(), ...t.tracked.keys()]);
    return [...new Set(frames)].sort((a, b) => a - b);
  }

  /** Half-open ranges of frames whose masks a changed prompt has overtaken. */
  stale(object: number): Range[] {
    const track = this.track(object);
    return toRanges([...track.tracked.keys()].filter((t) => track.isOutdated(t)));
  }

  /** Lets go of all that lies with the engine, which may then be disposed; masks and prompts stay. */
  release(): void {
    this.tracker?.cache.clear();
    for (const track of this.tracks.values()) track.releaseMemories();
    this.tracker = null;
  }

  /** Ends the run under way. The results stay their owner's. */
  close(): void {
    this.stop();
    this.release();
  }

  /** One frame of a run, done again where a person changed the objects meanwhile. */
  private async step(
    tracker: Tracker,
    frame: number,
    options: RunOptions,
    goesOn: () => boolean,
  ): Promise<FrameMasks | null> {
    const done = new Set<Track>();
    for (;;) {
      await this.priority.turn();
      const work = workOn(this.tracks.values(), frame, options).filter((track) => !done.has(track));
      if (!goesOn()) return done.size > 0 ? this.masks(frame) : null;
      if (work.length === 0) break;
      for (const track of (await tracker.step(work, frame, options.reverse)).keys()) done.add(track);
    }
    for (const track of this.tracks.values()) track.passPrompted(frame, options.reverse);
    return done.size > 0 ? this.masks(frame) : null;
  }

  private maskOf(track: Track, frame: number): ObjectMask {
    const rle = this.store.mask(track.object, frame);
    const kept = this.store.kept(track.object, frame);
    if (rle === null || kept === null) {
      throw new SplitmaskError("internal", `the mask of object ${track.object} on frame ${frame} is gone`);
    }
    const { score, presence } = kept;
    return { object: track.object, rle, score, presence, prompted: track.prompted.has(frame) };
  }

  private forget(track: Track): void {
    track.dispose();
    this.tracks.delete(track.object);
  }

  private save(track: Track): void {
    this.store.saveState(track.state());
  }

  private needTracker(): Tracker {
    if (this.tracker !== null) return this.tracker;
    throw new SplitmaskError("model.missing", "no model is loaded yet: load one first");
  }

  private urgent<T>(work: (tracker: Tracker) => Promise<T>): Promise<T> {
    return this.priority.first(() => this.bin.during(() => work(this.needTracker())));
  }
}

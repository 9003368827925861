/**
 * Calls the engine as the policy says: one answer to a prompt, one step of a run
 * (Python's `splitmask.session.tracker`).
 *
 * Features of a few frames are held, so that no click encodes again. Whatever objects need the same verb on the
 * same frame go into one call. A run's verbs wait for what a person asks.
 */

import { SplitmaskError } from "@/core/errors";
import type { Prompt, Rle } from "@/core/types";
import type { Engine, Features, Memory, Recollection } from "@/engine/base";
import type { Reader } from "@/media/source";
import type { Bin } from "./bin";
import {
  clampFeedback,
  isAmbiguous,
  maskPromptOutput,
  type Output,
  pointerMaskInput,
  squareMask,
  videoOutputs,
} from "./choice";
import { FeatureCache } from "./features";
import { givenAnswer } from "./given";
import { answerStill } from "./image";
import type { Limits, Selection } from "./memory_bank";
import type { Priority } from "./priority";
import { noPoints, promptTokens } from "./prompts";
import type { Track } from "./track";

interface Wanted {
  readonly track: Track;
  readonly selection: Selection;
  readonly version: number;
}

export class Tracker {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly limits: Limits;
  readonly cache: FeatureCache;
  /** Whether the clip is one picture, which is answered by the policy for images. */
  private readonly still: boolean;
  private readonly bin: Bin;
  private readonly priority: Priority;

  constructor(engine: Engine, reader: Reader, limits: Limits, bin: Bin, priority: Priority) {
    this.engine = engine;
    this.reader = reader;
    this.limits = limits;
    this.cache = new FeatureCache(bin);
    this.still = reader.isStill;
    this.bin = bin;
    this.priority = priority;
  }

  /** Features of a frame, encoded unless held. */
  features(frame: number, inRun: boolean | null = null): Promise<Features> {
    return this.cache.get(frame, async () => {
      const arrays = await this.reader.features?.();
      if (arrays !== undefined) return this.engine.fromArrays(arrays);
      const picture = inRun === null ? this.reader.at(frame) : this.reader.nextInRun(frame, inRun);
      return this.engine.encode(await picture);
    });
  }

  /**
   * Features of a frame that is being prompted; they stay until another frame is. The memories of the frame
   * edited before are made while its features are still at hand.
   */
  async edit(frame: number, tracks: Iterable<Track>): Promise<Features> {
    const before = this.cache.pinned;
    if (before !== null && before !== frame) {
      const pending = [...tracks].filter((t) => t.prompted.has(before) && t.memory(before) === null);
      await this.remember(pending, before);
    }
    const features = await this.features(frame);
    this.cache.pin(frame);
    return features;
  }

  /** What the object is on a frame, given a prompt; one that only adds to the last refines the mask so far. */
  async answer(track: Track, frame: number, features: Features, prompt: Prompt): Promise<Output> {
    const answered = givenAnswer(track.given, prompt);
    if (answered !== null) return answered;
    const before = track.before(frame, prompt);
    if (this.still) return answerStill(this.engine, features, prompt, this.reader.size, before);
    if (prompt.mask !== null) return this.answerMask(features, prompt.mask);
    const conditioned = await this.conditioned(track, frame, features);
    try {
      return await this.answerClicks(conditioned, prompt, before);
    } finally {
      if (conditioned !== features) conditioned.dispose();
    }
  }

  /**
   * What a click on the frame is decoded from: features conditioned on the object's past where a run has been at
   * the frame and another frame is prompted, or a bundle has them; else the features themselves. Whoever asks
   * disposes new ones.
   */
  async conditioned(track: Track, frame: number, features: Features): Promise<Features> {
    const embed = track.given?.embed ?? null;
    const own = embed === null ? undefined : await this.reader.features?.();
    if (embed !== null && own !== undefined) return this.engine.fromArrays({ ...own, imageEmbed: embed });
    const direction = track.direction(frame);
    if (direction === null || !track.promptedFrames.some((t) => t !== frame)) return features;
    const selection = track.select(frame, direction, this.reader.count, this.limits);
    await this.complete([{ track, selection, version: track.version }]);
    return this.engine.recall(features, [this.recollection(track, selection)]);
  }

  /**
   * Tracks objects onto one frame of a run, all in one call of each verb → the tracks that it holds for. What a
   * person changed meanwhile is left out: the run comes back to it.
   */
  step(tracks: readonly Track[], frame: number, reverse: boolean): Promise<Map<Track, Output>> {
    return this.bin.during(async () => {
      const wanted = tracks.map((track) => ({
        track,
        selection: track.select(frame, reverse, this.reader.count, this.limits),
        version: track.version,
      }));
      await this.complete(wanted, true);
      await this.priority.turn();
      const features = await this.features(frame, reverse);
      const outputs = await this.recalled(features, wanted);
      await this.priority.turn();
      const memories = await this.memories(
        features,
        outputs,
        outputs.map(() => 0),
      );
      const kept = new Map<Track, Output>();
      wanted.forEach(({ track, version }, i) => {
        const [output, memory] = [outputs[i], memories[i]];
        if (output === undefined || memory === undefined) return;
        if (track.version === version) {
          track.commit(frame, reverse, output, memory, this.limits);
          kept.set(track, output);
        } else {
          memory.dispose();
        }
      });
      return kept;
    });
  }

  private async recalled(features: Features, wanted: readonly Wanted[]): Promise<Output[]> {
    await this.priority.turn();
    const recollections = wanted.map(({ track, selection }) => this.recollection(track, selection));
    const recalled = await this.engine.recall(features, recollections);
    try {
      await this.priority.turn();
      const decoded = await this.engine.decode(recalled, noPoints(wanted.length));
      return videoOutputs(decoded, isAmbiguous(0), this.engine.constants.noObjPtr);
    } finally {
      recalled.dispose();
    }
  }

  private memories(
    features: Features,
    outputs: readonly Output[],
    binarize: readonly number[],
  ): Promise<Memory[]> {
    const side = outputs[0]?.side ?? 0;
    const logits = new Float32Array(outputs.length * side * side);
    outputs.forEach((output, i) => {
      logits.set(output.logits, i * side * side);
    });
    const presence = Float32Array.from(outputs, (output) => output.presence);
    return this.engine.remember(features, logits, side, Float32Array.from(binarize), presence);
  }

  /** Rebuilds whatever selected memories are missing, frame by frame, by encode and remember. */
  private async complete(wanted: readonly Wanted[], inRun = false): Promise<void> {
    const missing = new Map<number, Track[]>();
    for (const { track, selection } of wanted) {
      for (const { frame } of selection.memories) {
        if (track.memory(frame) !== null) continue;
        missing.set(frame, [...(missing.get(frame) ?? []), track]);
      }
    }
    for (const frame of [...missing.keys()].sort((a, b) => a - b)) {
      await this.remember(missing.get(frame) ?? [], frame, inRun);
    }
  }

  /**
   * Makes the memories of objects on a frame from their results there. Masks that a person prompted are
   * binarised: they are remembered exactly as they were seen.
   */
  private async remember(tracks: readonly Track[], frame: number, inRun = false): Promise<void> {
    const known = tracks.flatMap((track) => {
      const output = track.output(frame);
      return output === null ? [] : [{ track, output, version: track.version }];
    });
    if (known.length === 0) return;
    if (inRun) await this.priority.turn();
    const features = await this.features(frame);
    if (inRun) await this.priority.turn();
    const binarize = known.map(({ track }) => (track.prompted.has(frame) ? 1 : 0));
    const outputs = known.map(({ output }) => output);
    const memories = await this.memories(features, outputs, binarize);
    memories.forEach((memory, i) => {
      const of = known[i];
      if (of !== undefined && of.track.version === of.version) of.track.holdMemory(frame, memory);
      else memory.dispose();
    });
  }

  private recollection(track: Track, selection: Selection): Recollection {
    return {
      memories: selection.memories.flatMap(({ frame, slot }) => {
        const memory = track.memory(frame);
        return memory === null ? [] : [{ memory, slot }];
      }),
      pointers: selection.pointers.flatMap(({ frame, dt }) => {
        const pointer = track.pointer(frame);
        return pointer?.length === this.engine.preset.dim ? [{ pointer, dt }] : [];
      }),
    };
  }

  /** What a prompt on a frame would give an object that nothing is known of. */
  preview(features: Features, prompt: Prompt): Promise<Output> {
    if (this.still) return answerStill(this.engine, features, prompt, this.reader.size, null);
    return this.answerClicks(features, prompt, null);
  }

  /** What points and a box give. features: conditioned on the object's past; before: its mask so far. */
  private async answerClicks(features: Features, prompt: Prompt, before: Output | null): Promise<Output> {
    const tokens = promptTokens(prompt, this.reader.size, this.engine.preset.imageSize);
    const maskInput = before === null ? null : clampFeedback(before.logits);
    const decoded = await this.engine.decode(features, { ...tokens, maskInput });
    const output = videoOutputs(
      decoded,
      isAmbiguous(tokens.labels.length),
      this.engine.constants.noObjPtr,
    )[0];
    if (output === undefined) throw new SplitmaskError("internal", "the decoder gave no mask");
    return output;
  }

  /** What a frame's mask gives. features: the frame's own, from `encode`. */
  private async answerMask(features: Features, mask: Rle): Promise<Output> {
    const { constants, preset } = this.engine;
    const square = squareMask(mask, preset.imageSize);
    const own = await this.engine.unconditioned(features);
    try {
      const maskInput = pointerMaskInput(square, preset.imageSize, constants);
      const decoded = await this.engine.decode(own, { ...noPoints(1), maskInput });
      return maskPromptOutput(square, preset.imageSize, decoded, constants.noObjPtr);
    } finally {
      own.dispose();
    }
  }
}

/**
 * Results of tracked frames in this browser's storage, so that memory stays flat in the clip's length and a
 * reload finds them again (Python's `splitmask.session.store`, kept beyond the session).
 *
 * Past the cap the oldest logits go first; the masks stay, and what is asked for again comes from them.
 */

import { countsToRuns } from "@/core/counts";
import { toFault } from "@/core/errors";
import { area, decodeMask, encodeLogits } from "@/core/rle";
import { toSquare } from "@/core/square";
import type { Rle, Size } from "@/core/types";
import { MASK_PROMPT_LOGIT, type Output } from "@/session/choice";
import type { Kept, KeptMarks, Mark, Results } from "@/session/results";
import { fromRanges, type Range, toRanges } from "@/session/stale";
import type { TrackState } from "@/session/track";
import type { Log, Place } from "./log";
import {
  bodyBytes,
  HEADER,
  type Header,
  KIND,
  packParts,
  packRecord,
  readHeader,
  toFloats,
  unpackLogits,
} from "./records";
import { readState, stateRecord } from "./states";

export const DEFAULT_CAP = 1 << 30; // bytes: some 60,000 masks of `nano`
const CUT = -1; // in place of an object, in a mark that is for all
const WASTE = 32 << 20; // bytes of what has been overtaken that are put up with

export class ResultStore implements Results, KeptMarks {
  private readonly log: Log;
  private readonly size: Size;
  private readonly cap: number;
  private readonly results = new Map<number, Map<number, Place>>(); // object → frame → where
  private readonly saved = new Map<number, Place>();
  private readonly marked = new Map<number, Map<number, Place>>(); // object or CUT → frame → where
  private live = 0; // bytes that are still needed
  private model = 0;
  private side = 0;

  /** size: of the clip's frames. */
  constructor(log: Log, size: Size, cap = DEFAULT_CAP) {
    this.log = log;
    this.size = size;
    this.cap = cap;
    for (const place of log.records()) this.take(place);
  }

  get bytes(): number {
    return this.log.size;
  }

  use(weightsSha256: string, side: number): void {
    this.model = Number.parseInt(weightsSha256.slice(0, 8), 16) || 0;
    this.side = side;
  }

  put(object: number, frame: number, output: Output, direction: boolean | null): void {
    this.putMask(object, frame, output, direction, this.toMask(output));
  }

  /** A result whose mask of the frame's size is known already. */
  putMask(object: number, frame: number, output: Output, direction: boolean | null, rle: Rle): void {
    const { score, presence, side } = output;
    const { model } = this;
    const fields = {
      kind: KIND.result,
      object,
      frame,
      direction,
      score,
      presence,
      side,
      model,
      area: area(rle),
    };
    this.append(packRecord(fields, packParts(output, rle.counts)));
  }

  get(object: number, frame: number): Output | null {
    const place = this.at(object, frame);
    const parts = place === null ? null : this.parts(place);
    if (place === null || parts === null) return null;
    const { score, presence } = place.header;
    const own = place.header.model === this.model;
    const pointer = own ? toFloats(parts.pointer) : new Float32Array(0);
    if (own && parts.logits.length > 0) {
      return { logits: unpackLogits(parts.logits), side: place.header.side, pointer, score, presence };
    }
    const side = this.side || place.header.side;
    return { logits: this.logitsOf(parts.rle, side), side, pointer, score, presence };
  }

  pointer(object: number, frame: number): Float32Array | null {
    const place = this.at(object, frame);
    if (place === null || place.header.model !== this.model) return null;
    const parts = this.parts(place);
    return parts === null ? null : toFloats(parts.pointer);
  }

  mask(object: number, frame: number): Rle | null {
    const place = this.at(object, frame);
    return (place === null ? null : this.parts(place))?.rle ?? null;
  }

  kept(object: number, frame: number): Kept | null {
    return this.at(object, frame)?.header ?? null;
  }

  drop(object: number, frame?: number): void {
    if (frame === undefined) this.append(packRecord({ kind: KIND.forget, object }));
    else if (this.at(object, frame) !== null) this.append(packRecord({ kind: KIND.drop, object, frame }));
  }

  toMask(output: Output): Rle {
    return encodeLogits(output.logits, output.side, this.size);
  }

  saveState(state: TrackState): void {
    this.append(stateRecord(state));
  }

  marks(): Mark[] {
    return [...this.marked].flatMap(([id, frames]) =>
      [...frames.keys()].map((frame) => ({ object: id === CUT ? null : id, frame })),
    );
  }

  mark({ object, frame }: Mark, on: boolean): void {
    this.append(packRecord({ kind: KIND.mark, object: object ?? CUT, frame, direction: on }));
  }

  /** With what a run has done since a state was saved. */
  states(): TrackState[] {
    return [...this.saved.values()].flatMap((place) => {
      const body = this.log.body(place);
      return body === null ? [] : [this.caughtUp(readState(body), place.at)];
    });
  }

  close(): void {
    if (this.log.size - this.live > WASTE) this.tidy();
    this.log.close();
  }

  private append(record: Uint8Array): void {
    const at = this.log.append(record);
    const header = readHeader(record);
    if (header !== null) this.take({ header, at });
    if (this.log.size > this.cap || this.log.size > 2 * this.live + WASTE) this.tidy();
  }

  /** Notes a record that is in the log. */
  private take(place: Place): void {
    const { kind, object, frame } = place.header;
    if (kind === KIND.forget) this.forget(object);
    if (kind === KIND.drop) this.release(this.results.get(object), frame);
    if (kind === KIND.forget || kind === KIND.drop) return;
    const of = kind === KIND.state ? this.saved : framesOf(this.tableOf(kind), object);
    const key = kind === KIND.state ? object : frame;
    this.release(of, key);
    if (kind === KIND.mark && place.header.direction !== true) return; // it is none any more
    of.set(key, place);
    this.live += bytesOf(place);
  }

  private tableOf(kind: number): Map<number, Map<number, Place>> {
    return kind === KIND.mark ? this.marked : this.results;
  }

  private forget(object: number): void {
    for (const table of [this.results, this.marked]) {
      for (const frame of [...(table.get(object)?.keys() ?? [])]) this.release(table.get(object), frame);
      table.delete(object);
    }
    this.release(this.saved, object);
  }

  private release(of: Map<number, Place> | undefined, key: number): void {
    const old = of?.get(key);
    if (old === undefined) return;
    this.live -= bytesOf(old);
    of?.delete(key);
  }

  private at(object: number, frame: number): Place | null {
    return this.results.get(object)?.get(frame) ?? null;
  }

  private parts(place: Place): { rle: Rle; pointer: Uint8Array; logits: Uint8Array } | null {
    const body = this.log.body(place);
    if (body === null) return null;
    const { rle, pointer } = place.header;
    const counts = countsToRuns(new TextDecoder().decode(body.subarray(0, rle)));
    return {
      rle: { size: [this.size.height, this.size.width], counts },
      pointer: body.subarray(rle, rle + pointer),
      logits: body.subarray(rle + pointer),
    };
  }

  private logitsOf(rle: Rle, side: number): Float32Array {
    const square = toSquare(decodeMask(rle), this.size, side);
    return square.map((share) => (share >= 0.5 ? MASK_PROMPT_LOGIT : -MASK_PROMPT_LOGIT));
  }

  private caughtUp(state: TrackState, since: number): TrackState {
    const later = [...(this.results.get(state.object) ?? [])].filter(([, place]) => place.at > since);
    const done = (reverse: boolean) =>
      later.flatMap(([t, { header }]) => (header.direction === reverse ? [t] : []));
    const fresh = new Set(later.map(([t]) => t));
    const but = (ranges: readonly Range[]) => [...fromRanges(ranges)].filter((t) => !fresh.has(t));
    return {
      ...state,
      tracked: {
        forward: toRanges([...but(state.tracked.forward), ...done(false)]),
        reverse: toRanges([...but(state.tracked.reverse), ...done(true)]),
      },
      stale: { forward: toRanges(but(state.stale.forward)), reverse: toRanges(but(state.stale.reverse)) },
    };
  }

  /** Another time, where there is no room for a second file: all that was asked to be kept is in the first. */
  private tidy(): void {
    try {
      this.compact();
    } catch (error) {
      if (toFault(error).code !== "storage.full") throw error;
    }
  }

  /** Writes what is needed to the other file; past the cap, half of it, without the oldest logits. */
  private compact(): void {
    const tables = [...this.results.values(), ...this.marked.values()];
    const places = tables.flatMap((frames) => [...frames.values()]);
    places.sort((a, b) => a.at - b.at);
    const bare = this.oldest(places);
    const states = this.states(); // written last: they know of all that stands before them
    const headers: (Header | null)[] = [];
    const at = this.log.rewrite(noted(rewritten(this.log, places, bare, states), headers));
    this.results.clear();
    this.marked.clear();
    this.saved.clear();
    this.live = 0;
    headers.forEach((header, i) => {
      if (header !== null) this.take({ header, at: at[i] ?? 0 });
    });
  }

  /** Those whose logits have to go. */
  private oldest(places: readonly Place[]): ReadonlySet<Place> {
    let excess = this.live > this.cap * 0.75 ? this.live - this.cap / 2 : 0;
    const bare = new Set<Place>();
    for (const place of places) {
      if (excess <= 0) break;
      bare.add(place);
      excess -= place.header.logits;
    }
    return bare;
  }
}

function* rewritten(
  log: Log,
  places: readonly Place[],
  bare: ReadonlySet<Place>,
  states: readonly TrackState[],
): Generator<Uint8Array, void, undefined> {
  for (const place of places) {
    const body = log.body(place);
    if (body === null) continue;
    const { rle, pointer } = place.header;
    const logits = bare.has(place) ? body.subarray(0, 0) : body.subarray(rle + pointer);
    yield packRecord(place.header, [body.subarray(0, rle), body.subarray(rle, rle + pointer), logits]);
  }
  for (const state of states) yield stateRecord(state);
}

function* noted(
  records: Iterable<Uint8Array>,
  headers: (Header | null)[],
): Generator<Uint8Array, void, undefined> {
  for (const record of records) {
    headers.push(readHeader(record));
    yield record;
  }
}

function framesOf(table: Map<number, Map<number, Place>>, object: number): Map<number, Place> {
  const known = table.get(object) ?? new Map<number, Place>();
  table.set(object, known);
  return known;
}

function bytesOf(place: Place): number {
  return HEADER + bodyBytes(place.header);
}

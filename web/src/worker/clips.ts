/** The clips that are open, each with its session and its results. */

import { SplitmaskError } from "@/core/errors";
import type { LoadedEngine } from "@/engine/base";
import { checkBundle } from "@/media/bundle";
import { type Clip, openClip } from "@/media/clip";
import { watchingCuts } from "@/media/cuts";
import { fileSha256 } from "@/models/sha256";
import { Marks, type Strip, stripOf } from "@/session/strips";
import { VideoSession } from "@/session/video";
import { type OpenStore, openStore } from "@/store/open";
import type { ClipId, ClipInfo } from "./contract";

export class OpenClip {
  readonly id: ClipId;
  readonly clip: Clip;
  readonly session: VideoSession;
  readonly results: OpenStore;
  readonly marks: Marks;
  readonly writing = new Writing();
  private digest: Promise<string> | null = null;
  /** Numbers of the newest request of each kind, by which older ones know that they are overtaken. */
  private readonly newest = new Map<string, number>();

  private constructor(id: ClipId, clip: Clip, results: OpenStore) {
    this.id = id;
    this.clip = clip;
    this.results = results;
    this.marks = new Marks(results.store);
    const reader = watchingCuts(clip.reader, (frame) => this.marks.cut(frame));
    this.session = new VideoSession(reader, results.store);
  }

  /** Rejects with what keeps the file from being opened, or `storage.locked`. */
  static async open(id: ClipId, file: File): Promise<OpenClip> {
    const clip = await openClip(file);
    try {
      return new OpenClip(id, clip, await openStore(id, clip.sha256, clip));
    } catch (error) {
      await clip.close();
      throw error;
    }
  }

  get info(): ClipInfo {
    const {
      name,
      kind,
      width,
      height,
      rotation,
      timestamps,
      duration,
      codec,
      hasAudio,
      variableRate,
      sha256,
    } = this.clip;
    const frames = timestamps.length;
    const objects = this.clip.reader.given ?? [];
    return {
      id: this.id,
      given: objects.map(({ object, name, color, prompt }) => ({ object, name, color, prompt })),
      ...{ name, kind, width, height, rotation, frames, timestamps, duration, codec, hasAudio },
      ...{ variableRate, sha256 },
    };
  }

  /** Throws `bundle` where the clip is a bundle of another model. */
  use(engine: LoadedEngine): void {
    if (this.clip.bundle !== null) checkBundle(this.clip.bundle, engine, this.clip.name);
    this.session.use(engine);
  }

  /** A question that is overtaken once another one of its kind is asked. */
  ask(kind: string): () => boolean {
    const mine = (this.newest.get(kind) ?? 0) + 1;
    this.newest.set(kind, mine);
    return () => this.newest.get(kind) !== mine;
  }

  strip(object: number): Strip {
    const { width, height, timestamps } = this.clip;
    const track = this.session.objects.includes(object) ? this.session.track(object) : null;
    return stripOf(object, track, this.results.store, timestamps.length, width * height, this.marks);
  }

  /** Of the whole file, read once; "" of a bundle, which is not the picture's file, and of one that is gone. */
  sha256(): Promise<string> {
    if (this.clip.kind === "bundle") return Promise.resolve("");
    this.digest ??= fileSha256(this.clip.file).catch(() => "");
    return this.digest;
  }

  async close(): Promise<void> {
    this.writing.cancel();
    this.session.close();
    this.results.close();
    await this.clip.close();
  }
}

/** The take-away under way: one at a time. */
export class Writing {
  private under = new AbortController();

  /** Ends the one before. */
  begin(): AbortSignal {
    this.cancel();
    this.under = new AbortController();
    return this.under.signal;
  }

  cancel(): void {
    this.under.abort();
  }
}

export class Clips {
  private readonly open = new Map<ClipId, Promise<OpenClip>>();
  private engine: LoadedEngine | null = null;

  /** The same id again replaces what there was. */
  async openFile(id: ClipId, file: File): Promise<OpenClip> {
    await this.close(id);
    const opening = OpenClip.open(id, file);
    this.open.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.open.get(id) === opening) this.open.delete(id);
      throw error;
    }
  }

  async at(id: ClipId): Promise<OpenClip> {
    const clip = await this.open.get(id);
    if (clip === undefined) throw new SplitmaskError("internal", `clip ${id} is not open`);
    return clip;
  }

  /** The same, to compute with the engine that is loaded. */
  async ready(id: ClipId): Promise<OpenClip> {
    const clip = await this.at(id);
    if (this.engine !== null) clip.use(this.engine);
    return clip;
  }

  /** Whose masks they are, for result.json. */
  get modelInfo(): { readonly name: string; readonly weightsSha256: string } {
    return { name: this.engine?.preset.name ?? "", weightsSha256: this.engine?.weightsSha256 ?? "" };
  }

  /** All clips compute with this engine from now on; null: with none, until another is loaded. */
  async use(engine: LoadedEngine | null): Promise<void> {
    if (this.engine === engine) return;
    this.engine = engine;
    const clips = await Promise.allSettled(this.open.values());
    for (const clip of clips) if (clip.status === "fulfilled") clip.value.session.close();
  }

  /** The engine is about to go: no clip computes with it any more. */
  async leave(engine: LoadedEngine): Promise<void> {
    if (this.engine === engine) await this.use(null);
  }

  async close(id: ClipId): Promise<void> {
    const opening = this.open.get(id);
    this.open.delete(id);
    const clip = await opening?.catch(() => null);
    await clip?.close();
  }
}

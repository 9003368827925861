/** The masks that the page has at hand; the worker has them all. Bounded, least recently used goes first. */

import type { FrameMasks, ObjectMask } from "@/core/types";
import type { ClipId } from "@/worker/contract";

const CAPACITY = 900; // frames

/** frame: whose masks have changed; null: any of the clip. */
type Listener = (clip: ClipId, frame: number | null) => void;

export class MaskCache {
  private readonly frames = new Map<string, FrameMasks>();
  private readonly listeners = new Set<Listener>();
  private readonly capacity: number;

  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  get(clip: ClipId, frame: number): FrameMasks | undefined {
    const key = `${clip}:${frame}`;
    const found = this.frames.get(key);
    if (found === undefined) return undefined;
    this.frames.delete(key);
    this.frames.set(key, found);
    return found;
  }

  put(clip: ClipId, masks: FrameMasks): void {
    this.store(clip, masks);
    this.tell(clip, masks.frame);
  }

  /** One object's mask in place of its old one. */
  putObject(clip: ClipId, frame: number, mask: ObjectMask): void {
    const others = (this.get(clip, frame)?.masks ?? []).filter((each) => each.object !== mask.object);
    this.put(clip, { frame, masks: [...others, mask] });
  }

  dropObject(clip: ClipId, object: number): void {
    for (const [key, held] of this.frames) {
      if (key.startsWith(`${clip}:`)) {
        this.frames.set(key, { ...held, masks: held.masks.filter((each) => each.object !== object) });
      }
    }
    this.tell(clip, null);
  }

  dropClip(clip: ClipId): void {
    for (const key of [...this.frames.keys()]) if (key.startsWith(`${clip}:`)) this.frames.delete(key);
    this.tell(clip, null);
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private store(clip: ClipId, masks: FrameMasks): void {
    const key = `${clip}:${masks.frame}`;
    this.frames.delete(key);
    this.frames.set(key, masks);
    if (this.frames.size <= this.capacity) return;
    const oldest = this.frames.keys().next();
    if (!oldest.done) this.frames.delete(oldest.value);
  }

  private tell(clip: ClipId, frame: number | null): void {
    for (const listener of this.listeners) listener(clip, frame);
  }
}

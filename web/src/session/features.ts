/** Features of the few frames that a person or a run was at last. */

import type { Features } from "@/engine/base";
import type { Bin } from "./bin";

const HELD = 4;

export class FeatureCache {
  /** The frame under edit, whose features stay. */
  pinned: number | null = null;
  /** How often features had to be made: a click on a frame that is held must not raise it. */
  encodes = 0;
  private readonly held = new Map<number, Features>(); // the one used last is the last
  private readonly making = new Map<number, Promise<Features>>();
  private readonly bin: Bin;
  private generation = 0;

  constructor(bin: Bin) {
    this.bin = bin;
  }

  /** Those held of a frame; they stay the cache's. */
  peek(frame: number): Features | null {
    const features = this.held.get(frame);
    if (features === undefined) return null;
    this.held.delete(frame);
    this.held.set(frame, features);
    return features;
  }

  /** Those held, or made now; asked for twice at once, they are made once. */
  get(frame: number, make: () => Promise<Features>): Promise<Features> {
    const held = this.peek(frame);
    if (held !== null) return Promise.resolve(held);
    const under = this.making.get(frame);
    if (under !== undefined) return under;
    const making = this.make(frame, make).finally(() => this.making.delete(frame));
    this.making.set(frame, making);
    return making;
  }

  pin(frame: number): void {
    this.pinned = frame;
  }

  clear(): void {
    for (const features of this.held.values()) this.bin.add(features);
    this.held.clear();
    this.pinned = null;
    this.generation += 1;
  }

  private async make(frame: number, make: () => Promise<Features>): Promise<Features> {
    const generation = this.generation;
    this.encodes += 1;
    const features = await make();
    if (generation === this.generation) this.hold(frame, features);
    else this.bin.add(features); // cleared meanwhile: good for whoever asked, and for no one else
    return features;
  }

  private hold(frame: number, features: Features): void {
    this.held.set(frame, features);
    for (const [t, old] of this.held) {
      if (this.held.size <= HELD) return;
      if (t === this.pinned || t === frame) continue;
      this.held.delete(t);
      this.bin.add(old);
    }
  }
}

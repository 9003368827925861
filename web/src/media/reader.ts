/** Frames of an open video for a session: any of them, or one after the other in either direction. */

import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import type { Pixels } from "@/engine/base";
import { Cursor } from "./cursor";
import { toPixels, workingSize } from "./pixels";
import type { Reader } from "./source";
import type { VideoFile } from "./video";

const BACKWARD_BYTES = 96 << 20; // of pictures held, so that going backward decodes a stretch once

export class VideoReader implements Reader {
  readonly size: Size;
  readonly count: number;
  readonly isStill = false;
  private readonly file: VideoFile;
  private readonly edit: Cursor; // where a person clicks
  private readonly run: Cursor; // where a run is
  private readonly stretch = new Map<number, Pixels>();
  private queue: Promise<unknown> = Promise.resolve();

  constructor(file: VideoFile) {
    this.file = file;
    this.size = { width: file.width, height: file.height };
    this.count = file.index.count;
    this.edit = new Cursor(file);
    this.run = new Cursor(file);
  }

  at(index: number): Promise<Pixels> {
    return this.oneByOne(async () => toPixels(await this.edit.at(this.checked(index)), this.size));
  }

  nextInRun(index: number, reverse: boolean): Promise<Pixels> {
    return this.oneByOne(() => (reverse ? this.backward(index) : this.forward(index)));
  }

  async close(): Promise<void> {
    await this.oneByOne(async () => {
      await this.edit.close();
      await this.run.close();
      this.stretch.clear();
    });
    this.file.input.dispose();
  }

  private async forward(index: number): Promise<Pixels> {
    this.stretch.clear();
    return toPixels(await this.run.at(this.checked(index)), this.size);
  }

  /** Decodes from the last key frame before on, and holds as many pictures as it may. */
  private async backward(index: number): Promise<Pixels> {
    const held = this.stretch.get(this.checked(index));
    if (held === undefined) await this.fill(index);
    const pixels = this.stretch.get(index);
    this.stretch.delete(index);
    if (pixels !== undefined) return pixels;
    throw new SplitmaskError("media.broken", `frame ${index} cannot be decoded: the file is damaged there`);
  }

  private async fill(index: number): Promise<void> {
    this.stretch.clear();
    const { width, height } = workingSize(this.size);
    const most = Math.max(2, Math.floor(BACKWARD_BYTES / (width * height * 4)));
    const from = Math.max(this.file.index.keyBefore(index), index - most + 1);
    for (let t = from; t <= index; t++) this.stretch.set(t, await toPixels(await this.run.at(t), this.size));
  }

  private checked(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.count) return index;
    throw new SplitmaskError("prompt", `frame ${index} does not exist: choose one of 0 to ${this.count - 1}`);
  }

  private oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.queue.then(work);
    this.queue = mine.catch(() => null);
    return mine;
  }
}

/** One photo. */
export class ImageReader implements Reader {
  readonly size: Size;
  readonly count = 1;
  readonly isStill = true;
  private readonly pixels: Pixels;

  constructor(size: Size, pixels: Pixels) {
    this.size = size;
    this.pixels = pixels;
  }

  async at(): Promise<Pixels> {
    return this.pixels;
  }

  nextInRun(): Promise<Pixels> {
    return this.at();
  }
}

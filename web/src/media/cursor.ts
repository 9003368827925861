/** One decoder walking through a video, and how it gets to a frame by its number. */

import { type VideoSample, VideoSampleSink } from "mediabunny";
import { SplitmaskError } from "@/core/errors";
import type { VideoIndex } from "./index";
import type { VideoFile } from "./video";

/**
 * Stands between two frames and moves to where it is asked to. Going on to a later frame decodes on, unless a
 * key frame lies between; any other way leads through the last key frame before. A frame that is listed but
 * cannot be decoded is replaced by the one before it, so that numbers stay what they are.
 */
export class Cursor {
  private readonly sink: VideoSampleSink;
  private readonly index: VideoIndex;
  private walk: AsyncGenerator<VideoSample, void, unknown> | null = null;
  private latest: Shown | null = null; // what was given out last
  private ahead: Shown | null = null; // what the decoder gave beyond it

  constructor(file: VideoFile) {
    this.sink = new VideoSampleSink(file.track);
    this.index = file.index;
  }

  /** The picture of a frame; it stays the cursor's and is good until the next call. */
  async at(index: number): Promise<VideoSample> {
    if (this.latest?.index === index) return this.latest.sample;
    if (!this.isAhead(index)) await this.goTo(index);
    await this.advance(index);
    if (this.latest === null) {
      throw new SplitmaskError("media.broken", `frame ${index} cannot be decoded: the file is damaged there`);
    }
    this.latest = { index, sample: this.latest.sample };
    return this.latest.sample;
  }

  async close(): Promise<void> {
    const walk = this.walk;
    this.walk = null;
    this.latest?.sample.close();
    this.ahead?.sample.close();
    this.latest = this.ahead = null;
    await walk?.return();
  }

  private isAhead(index: number): boolean {
    const stand =
      this.ahead?.index ?? (this.latest === null ? Number.POSITIVE_INFINITY : this.latest.index + 1);
    return this.walk !== null && stand <= index && this.index.keyBefore(index) <= stand;
  }

  private async goTo(index: number): Promise<void> {
    await this.close();
    this.walk = this.sink.samples(this.index.times[index] ?? 0);
  }

  /** Decodes up to `index`; `latest` is then that frame or, where it is missing, the one before. */
  private async advance(index: number): Promise<void> {
    while (this.ahead === null || this.ahead.index <= index) {
      this.promote();
      if (this.latest?.index === index) return;
      const next = await this.walk?.next();
      if (next === undefined || next.done === true) return;
      this.ahead = { index: this.index.position(next.value.timestamp), sample: next.value };
    }
    if (this.latest === null) this.promote(); // the first frames are missing: the first that comes stands in
  }

  private promote(): void {
    if (this.ahead === null) return;
    this.latest?.sample.close();
    this.latest = this.ahead;
    this.ahead = null;
  }
}

interface Shown {
  readonly index: number;
  readonly sample: VideoSample;
}

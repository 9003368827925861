/**
 * The pictures of a clip for the page: one at a time while scrubbing, one after the other while playing.
 *
 * Apart from the worker's reader, so that neither waits for the other. Pictures are upright and of the clip's
 * size; whoever gets one closes it.
 */

import { type VideoSample, VideoSampleSink } from "mediabunny";
import { SplitmaskError, toFault } from "@/core/errors";
import { Cursor } from "./cursor";
import { isImage, openImage } from "./image";
import { Sound } from "./sound";
import { openVideo, type VideoFile } from "./video";

export type Picture = ImageBitmap | VideoFrame;

export interface PlayOptions {
  readonly rate?: number; // 1: as it was filmed
  readonly until?: number; // the frame that ends it, left out; the clip's end
  readonly loop?: boolean;
}

export interface Playback {
  stop(): void;
  /** When it has stopped, at the end or before. Rejects with a SplitmaskError where the file is damaged. */
  readonly ended: Promise<void>;
}

export class FrameSource {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly timestamps: Float64Array; // (frames) seconds from the first frame
  private readonly video: VideoFile | null;
  private readonly image: ImageBitmap | null;
  private readonly cursor: Cursor | null;
  private readonly sound: Sound | null;
  private queue: Promise<unknown> = Promise.resolve();
  private wanted = 0; // number of the newest request
  private playback: Playback | null = null;

  private constructor(video: VideoFile | null, image: ImageBitmap | null, sound: Sound | null = null) {
    const size = video ?? image ?? { width: 0, height: 0 };
    this.width = size.width;
    this.height = size.height;
    this.video = video;
    this.image = image;
    this.sound = sound;
    this.cursor = video === null ? null : new Cursor(video);
    this.timestamps = video === null ? new Float64Array(1) : video.index.fromFirst();
    this.frames = this.timestamps.length;
  }

  /** Opens a video or an image. Throws SplitmaskError. */
  static async open(file: File): Promise<FrameSource> {
    if (isImage(file)) return new FrameSource(null, await openImage(file));
    const video = await openVideo(file, file.name);
    return new FrameSource(video, null, await Sound.of(video.input));
  }

  /** Whether there is a sound to be heard while it plays. */
  get hasSound(): boolean {
    return this.sound !== null;
  }

  set muted(muted: boolean) {
    if (this.sound !== null) this.sound.muted = muted;
  }

  /** A frame's picture; null where a newer request has overtaken this one. Throws SplitmaskError. */
  frameAt(index: number): Promise<Picture | null> {
    const request = ++this.wanted;
    const picture = this.queue.then(() => (request === this.wanted ? this.read(index) : null));
    this.queue = picture.catch(() => null);
    return picture;
  }

  /** Gives out frames from `from` on, at the times that they have, with their sound; late ones are left out. */
  play(
    from: number,
    onFrame: (index: number, picture: Picture) => void,
    options: PlayOptions = {},
  ): Playback {
    this.playback?.stop();
    const state = { stopped: false };
    const ended = this.run(from, onFrame, options, state);
    this.playback = {
      stop: () => {
        state.stopped = true;
        this.sound?.stop();
      },
      ended,
    };
    return this.playback;
  }

  async close(): Promise<void> {
    this.playback?.stop();
    this.wanted += 1;
    await this.queue;
    await this.cursor?.close();
    await this.sound?.close();
    this.image?.close();
    this.video?.input.dispose();
  }

  private async read(index: number): Promise<Picture> {
    if (!(index >= 0 && index < this.frames)) {
      throw new SplitmaskError(
        "media.broken",
        `frame ${index} does not exist: choose one of 0 to ${this.frames - 1}`,
      );
    }
    if (this.image !== null) return await createImageBitmap(this.image);
    const sample = await this.cursor?.at(index);
    if (sample === undefined) throw new SplitmaskError("media.broken", "the clip is closed");
    return toPicture(sample, this.width, this.height);
  }

  private async run(
    from: number,
    onFrame: (index: number, picture: Picture) => void,
    options: PlayOptions,
    state: { readonly stopped: boolean },
  ): Promise<void> {
    if (this.image !== null) return onFrame(0, await createImageBitmap(this.image));
    const until = Math.min(options.until ?? this.frames, this.frames);
    let start = Math.max(0, Math.min(from, until - 1));
    do {
      await this.pass(start, until, onFrame, options.rate ?? 1, state);
      start = 0;
    } while (options.loop === true && !state.stopped);
  }

  /** Lets the sound begin; gives the moment at which the first picture is due. */
  private async beginAt(from: number, until: number, rate: number): Promise<number> {
    const after = rate === 1 ? ((await this.sound?.start(from, until)) ?? 0) : 0;
    return performance.now() + after;
  }

  /** Once from `start` to `until`, the clock running from when the first picture is there and its sound heard. */
  private async pass(
    start: number,
    until: number,
    onFrame: (index: number, picture: Picture) => void,
    rate: number,
    state: { readonly stopped: boolean },
  ): Promise<void> {
    const video = this.video;
    if (video === null) return;
    const begin = video.index.times[start] ?? 0;
    const sink = new VideoSampleSink(video.track);
    let zero: number | null = null;
    try {
      for await (const sample of sink.samples(begin)) {
        try {
          const index = video.index.position(sample.timestamp);
          if (state.stopped || index >= until) return;
          if (index < start) continue;
          zero ??= await this.beginAt(begin, endOf(video, until), rate);
          if (state.stopped) return this.sound?.stop();
          const wait = zero + ((sample.timestamp - begin) / rate) * 1000 - performance.now();
          if (wait < -LATE && index < until - 1) continue;
          if (wait > 1) await sleep(wait);
          if (state.stopped) return;
          onFrame(index, toPicture(sample, this.width, this.height));
        } finally {
          sample.close();
        }
      }
    } catch (error) {
      this.sound?.stop();
      throw new SplitmaskError("media.broken", `the clip cannot be played on: ${toFault(error).message}`, {
        cause: error,
      });
    }
  }
}

/** Seconds of the file at which the frame `until` begins, or its last one ends. */
function endOf({ index }: VideoFile, until: number): number {
  return index.times[until] ?? (index.times[0] ?? 0) + index.duration;
}

const LATE = 60; // milliseconds after which a frame is not worth showing any more

function sleep(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** The picture itself where it is upright, else turned by a canvas. */
export function toPicture(sample: VideoSample, width: number, height: number): Picture {
  if (sample.rotation === 0 && !sample.flip) return sample.toVideoFrame();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null)
    throw new SplitmaskError("media.unsupported", "this browser has no canvas in workers");
  sample.draw(context, 0, 0, width, height);
  return canvas.transferToImageBitmap();
}

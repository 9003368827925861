/** Videos with the mask in them: VP9 with transparency, H.264 with the mask applied, H.264 of the mask itself. */

import {
  BufferTarget,
  canEncodeVideo,
  EncodedAudioPacketSource,
  type EncodedPacket,
  EncodedPacketSink,
  Mp4OutputFormat,
  Output,
  type OutputFormat,
  Quality,
  type VideoCodec,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
} from "mediabunny";
import { SplitmaskError } from "@/core/errors";
import { bbox } from "@/core/rle";
import type { ObjectMask, Size } from "@/core/types";
import type { Clip } from "@/media/clip";
import { alphaOf, framesOf, type Job, masksOf, rangeOf, type Source } from "./base";
import { Pictures } from "./pictures";

const MARGIN = 16; // pixels around an object whose colours stay, for the edges of a compressed picture
const QUALITY = new Quality("high");

interface Kind {
  readonly format: () => OutputFormat;
  readonly codecs: readonly VideoCodec[]; // the first that this browser encodes
  readonly type: string;
  readonly alpha: boolean;
  readonly sound: boolean;
  /** data (H, W, 4) of the picture, changed in place; alpha (H, W). */
  readonly draw: (
    data: Uint8ClampedArray,
    alpha: Uint8Array,
    size: Size,
    masks: readonly ObjectMask[],
  ) => void;
}

const WEBM: Kind = {
  format: () => new WebMOutputFormat(),
  codecs: ["vp9", "vp8"],
  type: "video/webm",
  alpha: true,
  sound: true,
  draw: (data, alpha, size, masks) => {
    for (let i = 0; i < alpha.length; i++) data[i * 4 + 3] = alpha[i] as number;
    if (masks.length > 0) blackAround(data, alpha, size, masks);
  },
};

const MASKED: Kind = {
  format: () => new Mp4OutputFormat({ fastStart: "in-memory" }),
  codecs: ["avc", "av1", "vp9"],
  type: "video/mp4",
  alpha: false,
  sound: true,
  draw: (data, alpha) => {
    for (let i = 0, o = 0; i < alpha.length; i++, o += 4) {
      const share = (alpha[i] as number) / 255;
      for (let c = 0; c < 3; c++) data[o + c] = (data[o + c] as number) * share;
    }
  },
};

const MATTE: Kind = {
  ...MASKED,
  sound: false,
  draw: (data, alpha) => {
    for (let i = 0, o = 0; i < alpha.length; i++, o += 4) data.fill(alpha[i] as number, o, o + 3);
  },
};

export const writeWebm = (source: Source, job: Job): Promise<Blob> => write(WEBM, source, job);
export const writeMasked = (source: Source, job: Job): Promise<Blob> => write(MASKED, source, job);
export const writeMatte = (source: Source, job: Job): Promise<Blob> => write(MATTE, source, job);

async function write(kind: Kind, source: Source, job: Job): Promise<Blob> {
  const { clip } = source;
  const size = kind.alpha ? clip : { width: even(clip.width), height: even(clip.height) };
  const video = new VideoSampleSource({
    codec: await encodable(kind, size),
    quality: QUALITY,
    keyFrameInterval: 2,
    alpha: kind.alpha ? "keep" : "discard",
  });
  const output = new Output({ format: kind.format(), target: new BufferTarget() });
  output.addVideoTrack(video);
  const sound = kind.sound ? await Sound.of(clip, output, rangeOf(source, job)) : null;
  const pictures = new Pictures(clip);
  try {
    await output.start();
    await encode(kind, source, job, pictures, async (sample, until) => {
      await video.add(sample);
      await sound?.upTo(until);
    });
    await output.finalize();
  } catch (error) {
    await output.cancel();
    throw error;
  } finally {
    await pictures.close();
  }
  const { buffer } = output.target as BufferTarget;
  return new Blob(buffer === null ? [] : [buffer], { type: kind.type });
}

async function encode(
  kind: Kind,
  source: Source,
  job: Job,
  pictures: Pictures,
  add: (sample: VideoSample, until: number) => Promise<void>,
): Promise<void> {
  const { clip } = source;
  const [from] = rangeOf(source, job);
  const zero = clip.timestamps[from] ?? 0;
  for await (const frame of framesOf(source, job)) {
    const picture = await pictures.at(frame);
    const masks = [...masksOf(source, job, frame).values()];
    kind.draw(picture.data, alphaOf(masks, clip, job), clip, job.request.invert ? [] : masks);
    const timestamp = (clip.timestamps[frame] ?? 0) - zero;
    const duration = (clip.timestamps[frame + 1] ?? clip.duration) - (clip.timestamps[frame] ?? 0);
    const padded = kind.alpha ? picture : evened(picture.data, clip);
    const sample = new VideoSample(padded.data, {
      format: kind.alpha ? "RGBA" : "RGBX",
      codedWidth: padded.width,
      codedHeight: padded.height,
      timestamp,
      duration,
    });
    try {
      await add(sample, timestamp + duration);
    } finally {
      sample.close();
    }
  }
}

async function encodable(kind: Kind, size: Size): Promise<VideoCodec> {
  for (const codec of kind.codecs) {
    const { width, height } = size;
    if (await canEncodeVideo(codec, { width, height, alpha: kind.alpha ? "keep" : "discard" })) return codec;
  }
  const what = `${kind.codecs.join(", ")} at ${size.width}×${size.height}`;
  throw new SplitmaskError(
    "media.unsupported",
    `this browser does not encode ${what}: take a PNG sequence away instead, or export it with splitmask track`,
  );
}

const even = (side: number): number => side + (side % 2);

/** 4:2:0 wants even sides: an odd picture gets its last row or column once more. */
function evened(data: Uint8ClampedArray, { width, height }: Size) {
  const [w, h] = [even(width), even(height)];
  if (w === width && h === height) return { data, width, height };
  const out = new Uint8ClampedArray(w * h * 4);
  for (let y = 0; y < h; y++) {
    const row = Math.min(y, height - 1) * width * 4;
    out.set(data.subarray(row, row + width * 4), y * w * 4);
    if (w > width) out.copyWithin((y * w + width) * 4, (y * w + width - 1) * 4, (y * w + width) * 4);
  }
  return { data: out, width: w, height: h };
}

/** What is far from the object and not seen need not be carried along. */
function blackAround(
  data: Uint8ClampedArray,
  alpha: Uint8Array,
  size: Size,
  masks: readonly ObjectMask[],
): void {
  const boxes = masks.flatMap(({ rle }) => bbox(rle) ?? []);
  const [x0, y0] = [0, 1].map((k) => Math.min(...boxes.filter((_, i) => i % 4 === k)) - MARGIN) as [
    number,
    number,
  ];
  const [x1, y1] = [2, 3].map((k) => Math.max(...boxes.filter((_, i) => i % 4 === k)) + MARGIN) as [
    number,
    number,
  ];
  for (let i = 0; i < alpha.length; i++) {
    const [x, y] = [i % size.width, Math.floor(i / size.width)];
    const near = x >= x0 && x < x1 && y >= y0 && y < y1;
    if (!near && alpha[i] === 0) data.fill(0, i * 4, i * 4 + 3);
  }
}

/** The clip's sound, passed through as it is where the container takes its codec. */
class Sound {
  private readonly packets: AsyncGenerator<EncodedPacket, void, unknown>;
  private readonly config: AudioDecoderConfig;
  private readonly into: EncodedAudioPacketSource;
  private readonly zero: number; // seconds of the file at which the export begins
  private pending: EncodedPacket | null = null;
  private done = false;

  private constructor(
    packets: AsyncGenerator<EncodedPacket, void, unknown>,
    config: AudioDecoderConfig,
    into: EncodedAudioPacketSource,
    zero: number,
  ) {
    this.packets = packets;
    this.config = config;
    this.into = into;
    this.zero = zero;
  }

  static async of(clip: Clip, output: Output, range: readonly [number, number]): Promise<Sound | null> {
    const track = await clip.video?.input.getPrimaryAudioTrack();
    const codec = await track?.getCodec();
    const config = await track?.getDecoderConfig();
    if (!track || !codec || !config || !output.format.getSupportedAudioCodecs().includes(codec)) return null;
    const zero = clip.video?.index.times[range[0]] ?? 0;
    const sink = new EncodedPacketSink(track);
    const first = (await sink.getPacket(zero)) ?? (await sink.getFirstPacket());
    if (first === null) return null;
    const into = new EncodedAudioPacketSource(codec);
    output.addAudioTrack(into);
    return new Sound(sink.packets(first), config, into, zero);
  }

  /** Passes on what lies before so many seconds of the export. */
  async upTo(seconds: number): Promise<void> {
    while (!this.done) {
      this.pending ??= await this.next();
      if (this.pending === null || this.pending.timestamp - this.zero >= seconds) return;
      const timestamp = this.pending.timestamp - this.zero;
      const packet = this.pending.clone({ timestamp: Math.max(0, timestamp) });
      if (timestamp >= 0) await this.into.add(packet, { decoderConfig: this.config });
      this.pending = null;
    }
  }

  private async next(): Promise<EncodedPacket | null> {
    const { value, done } = await this.packets.next();
    this.done = done === true;
    return value ?? null;
  }
}

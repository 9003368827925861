/** Whatever a person drops: a video, a photo or a bundle, opened. */

import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import { type Bundle, BundleReader, isBundle, readBundle } from "./bundle";
import { fingerprint } from "./fingerprint";
import { isImage, openImage } from "./image";
import { imagePixels } from "./pixels";
import { ImageReader, VideoReader } from "./reader";
import type { Reader } from "./source";
import { type Thumbnails, thumbnailOf, VideoThumbnails } from "./thumbnails";
import { openVideo, type VideoFile } from "./video";

const LONGEST_SIDE = 16_384; // pixels: what browsers draw at most

export interface Clip extends Size {
  readonly name: string;
  readonly kind: "video" | "image" | "bundle";
  readonly rotation: 0 | 90 | 180 | 270;
  readonly timestamps: Float64Array; // (frames) seconds from the first frame
  readonly duration: number;
  readonly codec: string;
  readonly hasAudio: boolean;
  readonly variableRate: boolean;
  readonly sha256: string;
  readonly reader: Reader;
  readonly thumbnails: Thumbnails;
  readonly video: VideoFile | null;
  readonly bundle: Bundle | null;
  readonly file: File;
  close(): Promise<void>;
}

/** Opens a file. Throws SplitmaskError: `media.*`, `bundle`. */
export async function openClip(file: File): Promise<Clip> {
  const sha256 = await fingerprint(file);
  const about = { name: file.name, file, sha256 };
  const clip = await (isBundle(file) ? bundleClip : isImage(file) ? imageClip : videoClip)(about);
  if (Math.max(clip.width, clip.height) <= LONGEST_SIDE) return clip;
  await clip.close();
  const size = `${clip.width}×${clip.height}`;
  throw new SplitmaskError(
    "media.too-large",
    `${file.name} is ${size}: browsers draw up to ${LONGEST_SIDE} pixels a side; scale it down first`,
  );
}

interface About {
  readonly name: string;
  readonly file: File;
  readonly sha256: string;
}

const STILL = {
  rotation: 0,
  timestamps: new Float64Array(1),
  duration: 0,
  codec: "",
  hasAudio: false,
  variableRate: false,
  video: null,
  bundle: null,
  close: async () => {},
} as const;

async function videoClip(about: About): Promise<Clip> {
  const video = await openVideo(about.file, about.name);
  const reader = new VideoReader(video);
  const thumbnails = new VideoThumbnails(video);
  const { width, height, rotation, codec, hasAudio, index } = video;
  return {
    ...about,
    ...{ width, height, rotation, codec, hasAudio },
    kind: "video",
    timestamps: index.fromFirst(),
    duration: index.duration,
    variableRate: index.isVariable,
    reader,
    thumbnails,
    video,
    bundle: null,
    close: async () => {
      await thumbnails.close();
      await reader.close();
    },
  };
}

async function imageClip(about: About): Promise<Clip> {
  const image = await openImage(about.file);
  const { width, height } = image;
  try {
    const reader = new ImageReader({ width, height }, imagePixels(image));
    return {
      ...STILL,
      ...about,
      width,
      height,
      kind: "image",
      reader,
      thumbnails: stillThumbnails(about.file),
    };
  } finally {
    image.close();
  }
}

async function bundleClip(about: About): Promise<Clip> {
  const bundle = await readBundle(about.file);
  const reader = new BundleReader(bundle);
  const thumbnails = stillThumbnails(bundle.preview);
  return { ...STILL, ...about, ...bundle.size, kind: "bundle", reader, thumbnails, bundle };
}

function stillThumbnails(picture: Blob | null): Thumbnails {
  return {
    at: (frames, height) => Promise.all(frames.map(() => thumbnailOf(picture, height))),
    close: async () => {},
  };
}

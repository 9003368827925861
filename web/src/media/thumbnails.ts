/** Small pictures for the timeline. */

import { Cursor } from "./cursor";
import type { VideoFile } from "./video";

export interface Thumbnails {
  /** `height` pixels high, of the frames asked for, in their order. */
  at(frames: readonly number[], height: number): Promise<ImageBitmap[]>;
  close(): Promise<void>;
}

/** A walk of its own, so that neither clicks nor runs wait for it; one request after the other. */
export class VideoThumbnails implements Thumbnails {
  private readonly cursor: Cursor;
  private readonly file: VideoFile;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(file: VideoFile) {
    this.file = file;
    this.cursor = new Cursor(file);
  }

  at(frames: readonly number[], height: number): Promise<ImageBitmap[]> {
    const pictures = this.queue.then(async () => {
      const found = new Map<number, ImageBitmap>();
      for (const frame of [...new Set(frames)].sort((a, b) => a - b))
        found.set(frame, await this.one(frame, height));
      return Promise.all(frames.map((frame) => createImageBitmap(found.get(frame) as ImageBitmap)));
    });
    this.queue = pictures.catch(() => null);
    return pictures;
  }

  async close(): Promise<void> {
    await this.queue;
    await this.cursor.close();
  }

  private async one(frame: number, height: number): Promise<ImageBitmap> {
    const last = this.file.index.count - 1;
    const sample = await this.cursor.at(Math.max(0, Math.min(frame, last)));
    const width = Math.max(1, Math.round((this.file.width / this.file.height) * height));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { alpha: false });
    if (context !== null) sample.draw(context, 0, 0, width, height);
    return canvas.transferToImageBitmap();
  }
}

/** Of a photo; grey where there is none. */
export async function thumbnailOf(picture: Blob | null, height: number): Promise<ImageBitmap> {
  if (picture !== null) {
    return createImageBitmap(picture, {
      imageOrientation: "from-image",
      resizeHeight: height,
      resizeQuality: "medium",
    });
  }
  const canvas = new OffscreenCanvas(height, height);
  const context = canvas.getContext("2d");
  if (context !== null) {
    context.fillStyle = "#3a3f47";
    context.fillRect(0, 0, height, height);
  }
  return canvas.transferToImageBitmap();
}

/** A clip's pictures at full size, in order, for exports. */

import { SplitmaskError } from "@/core/errors";
import type { Pixels } from "@/engine/base";
import type { Clip } from "@/media/clip";
import { Cursor } from "@/media/cursor";
import { imagePixels, toPixels } from "@/media/pixels";

export class Pictures {
  private readonly clip: Clip;
  private readonly cursor: Cursor | null;

  constructor(clip: Clip) {
    this.clip = clip;
    this.cursor = clip.video === null ? null : new Cursor(clip.video);
  }

  /** The caller may write into it. */
  async at(frame: number): Promise<Pixels> {
    const { clip } = this;
    const size = { width: clip.width, height: clip.height };
    if (this.cursor !== null) return toPixels(await this.cursor.at(frame), size, size);
    const blob = clip.bundle === null ? clip.file : clip.bundle.preview;
    if (blob === null)
      throw new SplitmaskError("bundle", `${clip.name} holds no picture: take the masks away instead`);
    const image = await createImageBitmap(blob, { resizeWidth: size.width, resizeHeight: size.height });
    try {
      return imagePixels(image, size);
    } finally {
      image.close();
    }
  }

  async close(): Promise<void> {
    await this.cursor?.close();
  }
}

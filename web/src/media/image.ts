/** Photos: upright by their EXIF orientation, as the browser decodes them. */

import { SplitmaskError } from "@/core/errors";

const SUFFIX = /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|png|svg|tiff?|webp)$/i;

/** Whether a file says of itself that it is a still. */
export function isImage(file: { readonly name: string; readonly type: string }): boolean {
  return file.type.startsWith("image/") || (file.type === "" && SUFFIX.test(file.name));
}

/** Decodes a photo. Throws SplitmaskError: `media.broken` or `media.unsupported`. Whoever asked closes it. */
export async function openImage(file: File): Promise<ImageBitmap> {
  if (file.size === 0) throw new SplitmaskError("media.broken", `${file.name} is empty: choose another file`);
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", premultiplyAlpha: "none" });
  } catch (cause) {
    const kind = file.type === "" ? "" : ` (${file.type})`;
    throw new SplitmaskError(
      "media.unsupported",
      `${file.name}${kind} cannot be decoded by this browser: it is damaged or of a kind it does not know; save it as PNG or JPEG`,
      { cause },
    );
  }
}

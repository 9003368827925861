/** Decoded pictures → upright RGBA in RAM, as the engine takes them. */

import type { VideoSample } from "mediabunny";
import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import type { Pixels } from "@/engine/base";
import { toRgba, turned } from "./yuv";

// Beyond 4K the model's square gains nothing: larger pictures are halved on the way.
const MOST_PIXELS = 4096 * 2304;

/** The size that a picture is given to the engine in: its own, or a fraction of it. */
export function workingSize(size: Size): Size {
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (size.width * size.height)));
  if (scale === 1) return size;
  return { width: Math.round(size.width * scale), height: Math.round(size.height * scale) };
}

/** size: of the upright frame; target: of the pixels. The sample stays its owner's. */
export async function toPixels(sample: VideoSample, size: Size, target = workingSize(size)): Promise<Pixels> {
  const data = target === size && sample.hasAlpha !== true ? await converted(sample) : null;
  if (data !== null) return { width: size.width, height: size.height, data };
  return drawn((context) => sample.draw(context, 0, 0, target.width, target.height), target);
}

export function imagePixels(image: ImageBitmap, target = workingSize(image)): Pixels {
  return drawn((context) => context.drawImage(image, 0, 0, target.width, target.height), target);
}

/** By our own arithmetic, where the picture is of the usual kind; else null, and a canvas has to do. */
async function converted(sample: VideoSample): Promise<Uint8ClampedArray | null> {
  if (sample.format !== "I420" && sample.format !== "NV12") return null;
  const { width, height } = sample.visibleRect;
  const data = new Uint8Array(sample.allocationSize());
  const layout = await sample.copyTo(data);
  const { matrix, fullRange } = sample.colorSpace;
  const rgba = toRgba({ width, height, data, layout, matrix, fullRange: fullRange === true });
  return rgba === null ? null : turned(rgba, width, height, sample.rotation, sample.flip);
}

/** Transparency lies on white, as in all of splitmask. */
function drawn(draw: (context: OffscreenCanvasRenderingContext2D) => void, size: Size): Pixels {
  const context = canvasOf(size);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, size.width, size.height);
  context.imageSmoothingQuality = "high";
  draw(context);
  return {
    width: size.width,
    height: size.height,
    data: context.getImageData(0, 0, size.width, size.height).data,
  };
}

function canvasOf({ width, height }: Size): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context !== null) return context;
  throw new SplitmaskError("media.unsupported", "this browser cannot draw in a worker: use a newer one");
}

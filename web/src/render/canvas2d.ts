/** The stage without a graphics card: the last resort, at a lower resolution of the masks. */

import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import type { Compositor, Layer, Rgb, Scene } from "./scene";

const LONGEST = 960; // pixels of the matte

type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Draws on the thread that it is called on; `createCanvas2dApart` does the same beside the page. */
export function createCanvas2d(canvas: Canvas): Compositor | null {
  const context = canvas.getContext("2d", { alpha: false }) as Context | null;
  return context === null ? null : new Canvas2d(canvas, context);
}

class Canvas2d implements Compositor {
  readonly kind = "canvas2d";
  readonly lost = new Promise<string>(() => undefined);
  private readonly picture = new OffscreenCanvas(0, 0);
  private readonly matte = new OffscreenCanvas(0, 0);
  private readonly outline = new OffscreenCanvas(0, 0);
  private readonly mixed = new OffscreenCanvas(0, 0);

  private painted: Scene | null = null; // whose matte it is

  private readonly canvas: Canvas;
  private readonly context: Context;

  constructor(canvas: Canvas, context: Context) {
    this.canvas = canvas;
    this.context = context;
  }

  resize({ width, height }: Size): void {
    this.canvas.width = width;
    this.canvas.height = height;
  }

  setPicture(picture: Picture): void {
    this.picture.width = "displayWidth" in picture ? picture.displayWidth : picture.width;
    this.picture.height = "displayHeight" in picture ? picture.displayHeight : picture.height;
    this.picture.getContext("2d")?.drawImage(picture, 0, 0);
    picture.close();
  }

  draw(scene: Scene): void {
    const { context, canvas } = this;
    const { placement, frame } = scene;
    const box = [
      placement.x,
      placement.y,
      frame.width * placement.scale,
      frame.height * placement.scale,
    ] as const;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(scene.backdrop);
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.picture.width === 0) return;
    const masked = scene.layers.length > 0;
    if (masked && !(this.painted !== null && sameMatte(this.painted, scene))) this.paintMatte(scene);
    if (!masked || scene.view === "overlay") {
      context.drawImage(this.picture, ...box);
      context.globalAlpha = scene.opacity;
      if (masked) context.drawImage(this.matte, ...box);
      context.globalAlpha = Math.min(1, scene.opacity * 2.5);
      if (masked && scene.feather === 0) context.drawImage(this.outline, ...box);
      context.globalAlpha = 1;
    } else {
      this.checker(scene, box);
      context.drawImage(this.mix(scene), ...box);
    }
    if (scene.ghost !== null) this.ghost(scene.ghost, frame, box);
  }

  dispose(): void {
    for (const each of [this.picture, this.matte, this.outline, this.mixed]) each.width = 0;
  }

  /** Colours where the masks are, nothing elsewhere. */
  private paintMatte(scene: Scene): void {
    this.painted = scene;
    const size = reduced(scene.frame);
    const image = new ImageData(size.width, size.height);
    for (const layer of scene.layers) lay(image, layer);
    if (scene.invert) flip(image, scene.accent);
    put(this.mixed, image);
    if (scene.feather === 0) put(this.outline, outlined(image));
    this.matte.width = size.width;
    this.matte.height = size.height;
    const context = this.matte.getContext("2d");
    if (context === null) return;
    context.filter = `blur(${Math.max(0.5, (scene.feather / 2) * size.scale)}px)`;
    context.drawImage(this.mixed, 0, 0);
  }

  private mix(scene: Scene): OffscreenCanvas {
    this.mixed.width = scene.frame.width;
    this.mixed.height = scene.frame.height;
    const context = this.mixed.getContext("2d");
    if (context === null) return this.mixed;
    context.drawImage(this.picture, 0, 0);
    context.globalCompositeOperation = scene.view === "cutout" ? "destination-in" : "destination-out";
    context.drawImage(this.matte, 0, 0, scene.frame.width, scene.frame.height);
    return this.mixed;
  }

  private checker(scene: Scene, [x, y, width, height]: readonly [number, number, number, number]): void {
    const side = Math.round(9 * scene.pixelRatio);
    const tile = new OffscreenCanvas(2 * side, 2 * side);
    const context = tile.getContext("2d");
    if (context === null) return;
    context.fillStyle = css(scene.checker[0]);
    context.fillRect(0, 0, 2 * side, 2 * side);
    context.fillStyle = css(scene.checker[1]);
    context.fillRect(0, 0, side, side);
    context.fillRect(side, side, side, side);
    this.context.fillStyle = this.context.createPattern(tile, "repeat") ?? css(scene.checker[0]);
    this.context.fillRect(x, y, width, height);
  }

  private ghost(rle: Rle, frame: Size, box: readonly [number, number, number, number]): void {
    const { width, height } = reduced(frame);
    const image = new ImageData(width, height);
    lay(image, { rle, color: [1, 1, 1], combine: "add" });
    put(this.mixed, image);
    this.context.globalAlpha = 0.3;
    this.context.drawImage(this.mixed, ...box);
    this.context.globalAlpha = 1;
  }
}

function sameMatte(a: Scene, b: Scene): boolean {
  const same = a.feather === b.feather && a.invert === b.invert && a.accent.join() === b.accent.join();
  const { width, height } = b.frame;
  return same && a.frame.width === width && a.frame.height === height && sameLayers(a.layers, b.layers);
}

export function sameLayers(a: readonly Layer[], b: readonly Layer[]): boolean {
  return (
    a.length === b.length &&
    a.every((layer, i) => {
      const { rle, color, combine } = b[i] as Layer;
      return layer.rle === rle && layer.combine === combine && layer.color.join() === color.join();
    })
  );
}

function reduced(frame: Size): Size & { readonly scale: number } {
  const scale = Math.min(1, LONGEST / Math.max(frame.width, frame.height));
  return {
    width: Math.max(1, Math.round(frame.width * scale)),
    height: Math.max(1, Math.round(frame.height * scale)),
    scale,
  };
}

function lay(image: ImageData, layer: Layer): void {
  const inside = sampled(layer.rle, image);
  const pixels = new Uint32Array(image.data.buffer);
  const color = packed(layer.color);
  for (let i = 0; i < inside.length; i++) {
    if (layer.combine === "add") pixels[i] = inside[i] ? color : (pixels[i] as number);
    else if ((layer.combine === "subtract") === (inside[i] === 1)) pixels[i] = 0;
  }
}

/** 0 or 1 for each pixel of a smaller picture: what the mask has in the middle of it. */
export function sampled(rle: Rle, size: Size): Uint8Array {
  const [height, width] = rle.size;
  const { counts } = rle;
  const rows = Int32Array.from({ length: size.height }, (_, y) => ((y + 0.5) * height) / size.height);
  const out = new Uint8Array(size.width * size.height);
  let run = 0;
  let end = counts[0] ?? 0;
  for (let x = 0; x < size.width; x++) {
    const column = Math.floor(((x + 0.5) * width) / size.width) * height;
    while (end <= column && run + 1 < counts.length) end += counts[++run] as number;
    if ((run & 1) === 0 && end >= column + height) continue; // nothing in it
    for (let y = 0; y < size.height; y++) {
      const at = column + (rows[y] as number);
      while (end <= at && run + 1 < counts.length) end += counts[++run] as number;
      out[y * size.width + x] = run & 1;
    }
  }
  return out;
}

function flip(image: ImageData, accent: Rgb): void {
  const pixels = new Uint32Array(image.data.buffer);
  const color = packed(accent);
  for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i] === 0 ? color : 0;
}

/** The outermost pixels of each colour, lighter; the picture's own border is none. */
function outlined({ data, width, height }: ImageData): ImageData {
  const pixels = new Uint32Array(data.buffer);
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = pixels[i] as number;
      if (here === 0) continue;
      const beside = (x === 0 || pixels[i - 1] === here) && (x === width - 1 || pixels[i + 1] === here);
      const above =
        (y === 0 || pixels[i - width] === here) && (y === height - 1 || pixels[i + width] === here);
      if (!beside || !above) out[i] = lighter(here);
    }
  }
  return image;
}

/** Two fifths of the way to white, as the shaders draw it. */
function lighter(color: number): number {
  let found = color & 0xff000000;
  for (const shift of [0, 8, 16]) {
    const channel = (color >>> shift) & 255;
    found |= Math.round(channel + (255 - channel) * 0.4) << shift;
  }
  return found >>> 0;
}

/** Opaque, as a canvas has its pixels, seen as whole numbers of 32 bits. */
function packed(color: Rgb): number {
  const [r, g, b] = color.map((channel) => Math.round(channel * 255)) as [number, number, number];
  return new Uint32Array(Uint8Array.of(r, g, b, 255).buffer)[0] as number;
}

function put(canvas: OffscreenCanvas, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

function css([r, g, b]: Rgb): string {
  return `rgb(${Math.round(r * 255)} ${Math.round(g * 255)} ${Math.round(b * 255)})`;
}

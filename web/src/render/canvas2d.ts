/** The stage without a graphics card: the last resort, at a lower resolution of the masks. */

import { segments } from "@/core/rle";
import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import type { Compositor, Layer, Rgb, Scene } from "./scene";

const LONGEST = 640; // pixels of the matte

export function createCanvas2d(canvas: HTMLCanvasElement): Compositor | null {
  const context = canvas.getContext("2d", { alpha: false });
  return context === null ? null : new Canvas2d(canvas, context);
}

class Canvas2d implements Compositor {
  readonly kind = "canvas2d";
  readonly lost = new Promise<string>(() => undefined);
  private readonly picture = document.createElement("canvas");
  private readonly matte = document.createElement("canvas");
  private readonly mixed = document.createElement("canvas");

  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
    this.canvas = canvas;
    this.context = context;
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
    if (masked) this.paintMatte(scene);
    if (!masked || scene.view === "overlay") {
      context.drawImage(this.picture, ...box);
      context.globalAlpha = scene.opacity;
      if (masked) context.drawImage(this.matte, ...box);
      context.globalAlpha = 1;
    } else {
      this.checker(scene, box);
      context.drawImage(this.mix(scene), ...box);
    }
    if (scene.ghost !== null) this.ghost(scene.ghost, frame, box);
  }

  dispose(): void {
    for (const each of [this.picture, this.matte, this.mixed]) each.width = 0;
  }

  /** Colours where the masks are, nothing elsewhere. */
  private paintMatte(scene: Scene): void {
    const size = reduced(scene.frame);
    const image = new ImageData(size.width, size.height);
    for (const layer of scene.layers) lay(image, layer);
    if (scene.invert) flip(image, scene.accent);
    put(this.mixed, image);
    this.matte.width = size.width;
    this.matte.height = size.height;
    const context = this.matte.getContext("2d");
    if (context === null) return;
    context.filter = `blur(${Math.max(0.5, (scene.feather / 2) * size.scale)}px)`;
    context.drawImage(this.mixed, 0, 0);
  }

  private mix(scene: Scene): HTMLCanvasElement {
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
    const tile = document.createElement("canvas");
    const side = Math.round(9 * scene.pixelRatio);
    tile.width = tile.height = 2 * side;
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
  const [r, g, b] = layer.color.map((channel) => Math.round(channel * 255)) as [number, number, number];
  for (let i = 0; i < inside.length; i++) {
    if (layer.combine === "add" && inside[i]) image.data.set([r, g, b, 255], 4 * i);
    else if (layer.combine === "subtract" && inside[i]) image.data[4 * i + 3] = 0;
    else if (layer.combine === "intersect" && !inside[i]) image.data[4 * i + 3] = 0;
  }
}

function sampled(rle: Rle, size: Size): Uint8Array {
  const [height, width] = rle.size;
  const whole = new Uint8Array(width * height);
  for (const [start, stop] of segments(rle)) whole.fill(1, start, stop);
  const out = new Uint8Array(size.width * size.height);
  for (let x = 0; x < size.width; x++) {
    const column = Math.floor(((x + 0.5) * width) / size.width) * height;
    for (let y = 0; y < size.height; y++) {
      out[y * size.width + x] = whole[column + Math.floor(((y + 0.5) * height) / size.height)] ?? 0;
    }
  }
  return out;
}

function flip(image: ImageData, accent: Rgb): void {
  const [r, g, b] = accent.map((channel) => Math.round(channel * 255)) as [number, number, number];
  for (let i = 0; i < image.data.length; i += 4) image.data.set([r, g, b, 255 - (image.data[i + 3] ?? 0)], i);
}

function put(canvas: HTMLCanvasElement, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

function css([r, g, b]: Rgb): string {
  return `rgb(${Math.round(r * 255)} ${Math.round(g * 255)} ${Math.round(b * 255)})`;
}

/** Draws one scene with each backend of the stage and gives its pixels. */

import { encodeMask } from "@/core/rle";
import { createCanvas2d } from "@/render/canvas2d";
import { createCanvas2dApart } from "@/render/canvas2d_apart";
import type { Compositor, Scene } from "@/render/scene";
import { createWebGl2 } from "@/render/webgl2";
import { createWebGpu } from "@/render/webgpu";

const FRAME = { width: 80, height: 60 };
const SIDE = { width: 200, height: 160 }; // of the canvas

type Kind = Compositor["kind"] | "canvas2d apart"; // in a worker
type Edit = Partial<Omit<Scene, "layers">> & {
  readonly combine?: "add" | "subtract" | "intersect";
  readonly bare?: boolean;
};

function disc(cx: number, cy: number, radius: number) {
  const bits = Array.from({ length: FRAME.width * FRAME.height }, (_, i) => {
    const [x, y] = [i % FRAME.width, Math.floor(i / FRAME.width)];
    return Math.hypot(x + 0.5 - cx, y + 0.5 - cy) < radius;
  });
  return encodeMask(bits, FRAME);
}

function scene({ combine = "add", bare = false, ...edit }: Edit): Scene {
  return {
    frame: FRAME,
    layers: bare
      ? []
      : [
          { rle: disc(30, 30, 18), color: [1, 0, 0], combine: "add" },
          { rle: disc(48, 30, 14), color: [0, 0, 1], combine },
        ],
    ghost: null,
    ...{ view: "overlay", opacity: 0.5, feather: 0, invert: false },
    placement: { x: 20, y: 20, scale: 2 },
    pixelRatio: 1,
    backdrop: [0, 0, 0],
    checker: [
      [0.2, 0.2, 0.2],
      [0.1, 0.1, 0.1],
    ],
    accent: [1, 1, 0],
    ...edit,
  };
}

/** A plain green picture whose right half is white. */
async function picture(): Promise<ImageBitmap> {
  const canvas = new OffscreenCanvas(FRAME.width, FRAME.height);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.fillStyle = "rgb(0 128 0)";
  context.fillRect(0, 0, FRAME.width, FRAME.height);
  context.fillStyle = "white";
  context.fillRect(FRAME.width / 2, 0, FRAME.width / 2, FRAME.height);
  return createImageBitmap(canvas);
}

/** A texture in place of the canvas: without a graphics card a canvas of WebGPU cannot be read back. */
class Target {
  texture: GPUTexture | null = null;
  device: GPUDevice | null = null;

  /** What a canvas gives a backend. */
  canvas(): HTMLCanvasElement {
    const context = {
      configure: ({ device, format }: GPUCanvasConfiguration) => {
        this.device = device;
        const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
        this.texture = device.createTexture({ size: [SIDE.width, SIDE.height], format, usage });
      },
      getCurrentTexture: () => this.texture,
    };
    return { getContext: () => context } as unknown as HTMLCanvasElement;
  }

  async pixel(x: number, y: number): Promise<number[]> {
    if (this.device === null || this.texture === null) throw new Error("nothing was drawn");
    const buffer = this.device.createBuffer({
      size: 256,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const encoder = this.device.createCommandEncoder();
    encoder.copyTextureToBuffer(
      { texture: this.texture, origin: [x, y] },
      { buffer, bytesPerRow: 256 },
      [1, 1],
    );
    this.device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const [a = 0, g = 0, c = 0] = new Uint8Array(buffer.getMappedRange(0, 4));
    return this.texture.format === "bgra8unorm" ? [c, g, a] : [a, g, c];
  }
}

async function drawWebGpu(edit: Edit, points: readonly (readonly [number, number])[]): Promise<number[][]> {
  const target = new Target();
  const compositor = await createWebGpu(target.canvas());
  if (compositor === null) throw new Error("there is no WebGPU");
  compositor.setPicture(await picture());
  compositor.draw(scene(edit));
  const colors: number[][] = [];
  for (const [x, y] of points) colors.push(await target.pixel(20 + 2 * x, 20 + 2 * y));
  compositor.dispose();
  return colors;
}

function create(kind: Kind, canvas: HTMLCanvasElement): Compositor | null {
  if (kind === "canvas2d apart") return createCanvas2dApart(canvas);
  return kind === "webgl2" ? createWebGl2(canvas) : createCanvas2d(canvas);
}

/** Once there is something on it: what a worker draws comes a little later. */
async function pixels(canvas: HTMLCanvasElement): Promise<OffscreenCanvasRenderingContext2D> {
  const context = new OffscreenCanvas(SIDE.width, SIDE.height).getContext("2d");
  if (context === null) throw new Error("no canvas");
  for (;;) {
    const bitmap = await createImageBitmap(canvas);
    context.drawImage(bitmap, 0, 0);
    if (context.getImageData(0, 0, SIDE.width, SIDE.height).data.some((value, i) => i % 4 < 3 && value > 0))
      return context;
    await new Promise(requestAnimationFrame);
  }
}

/** [r, g, b] at each of the points, in pixels of the frame. */
async function draw(
  kind: Kind,
  edit: Edit,
  points: readonly (readonly [number, number])[],
): Promise<number[][]> {
  if (kind === "webgpu") return drawWebGpu(edit, points);
  const canvas = document.createElement("canvas");
  document.body.append(canvas);
  const compositor = create(kind, canvas);
  if (compositor === null) throw new Error(`there is no ${kind}`);
  compositor.setPicture(await picture());
  compositor.resize(SIDE);
  compositor.draw(scene(edit));
  const context = await pixels(canvas);
  const colors = points.map(([x, y]) => {
    const [r = 0, g = 0, b = 0] = context.getImageData(20 + 2 * x, 20 + 2 * y, 1, 1).data;
    return [r, g, b];
  });
  compositor.dispose();
  canvas.remove();
  return colors;
}

export interface RenderHarness {
  readonly draw: typeof draw;
}

declare global {
  interface Window {
    render: RenderHarness;
  }
}

window.render = { draw };

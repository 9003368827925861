/** The stage on WebGPU. */

import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import type { Combine } from "@/state/document";
import { blurOf, type Compositor, matteSize, type Scene } from "./scene";
import { blurKernel, MAX_PAIRS, MaskTextures, transposed } from "./upload";
import { BLUR, LAYER, STAGE } from "./wgsl";

export async function createWebGpu(canvas: HTMLCanvasElement): Promise<Compositor | null> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === undefined || adapter === null) return null;
  const limit = Math.min(16384, adapter.limits.maxTextureDimension2D);
  const device = await adapter.requestDevice({ requiredLimits: { maxTextureDimension2D: limit } });
  const context = canvas.getContext("webgpu");
  if (context === null) return null;
  const format = navigator.gpu.getPreferredCanvasFormat();
  context.configure({ device, format, alphaMode: "opaque" });
  return new WebGpu(device, context, format);
}

const ADD: GPUBlendComponent = { srcFactor: "one", dstFactor: "one-minus-src-alpha" };
const SUBTRACT: GPUBlendComponent = { srcFactor: "zero", dstFactor: "one-minus-src-alpha" };
const INTERSECT: GPUBlendComponent = { srcFactor: "zero", dstFactor: "src-alpha" };
const BLENDS: Record<Combine, GPUBlendComponent> = { add: ADD, subtract: SUBTRACT, intersect: INTERSECT };

class WebGpu implements Compositor {
  readonly kind = "webgpu";
  readonly lost: Promise<string>;
  private readonly linear: GPUSampler;
  private readonly layers: Record<Combine, GPURenderPipeline>;
  private readonly blur: GPURenderPipeline;
  private readonly stage: GPURenderPipeline;
  private readonly nothing: GPUTexture;
  private readonly uniforms: GPUBuffer[] = [];
  private readonly masks: MaskTextures<GPUTexture>;
  private picture: GPUTexture | null = null;
  private mattes: readonly [GPUTexture, GPUTexture] | null = null;
  private spent = 0; // uniform buffers of this drawing

  private readonly device: GPUDevice;
  private readonly context: GPUCanvasContext;

  constructor(device: GPUDevice, context: GPUCanvasContext, format: GPUTextureFormat) {
    this.device = device;
    this.context = context;
    this.lost = device.lost.then((info) => info.message || "The graphics card was lost");
    this.linear = device.createSampler({ magFilter: "linear", minFilter: "linear" });
    const layer = (blend: GPUBlendComponent) =>
      pipeline(device, LAYER, "rgba8unorm", { color: blend, alpha: blend });
    this.layers = {
      add: layer(BLENDS.add),
      subtract: layer(BLENDS.subtract),
      intersect: layer(BLENDS.intersect),
    };
    this.blur = pipeline(device, BLUR, "rgba8unorm");
    this.stage = pipeline(device, STAGE, format);
    this.nothing = this.texture({ width: 1, height: 1 }, "rgba8unorm");
    this.masks = new MaskTextures(
      (rle) => this.upload(rle),
      (each) => each.destroy(),
    );
  }

  resize({ width, height }: Size): void {
    this.context.canvas.width = width;
    this.context.canvas.height = height;
  }

  setPicture(picture: Picture): void {
    const width = "displayWidth" in picture ? picture.displayWidth : picture.width;
    const height = "displayHeight" in picture ? picture.displayHeight : picture.height;
    if (this.picture?.width !== width || this.picture.height !== height) {
      this.picture?.destroy();
      this.picture = this.texture({ width, height }, "rgba8unorm", GPUTextureUsage.RENDER_ATTACHMENT);
    }
    this.device.queue.copyExternalImageToTexture(
      { source: picture },
      { texture: this.picture },
      { width, height },
    );
    picture.close();
  }

  draw(scene: Scene): void {
    this.spent = 0;
    const encoder = this.device.createCommandEncoder();
    const matte = scene.layers.length === 0 ? this.nothing : this.combine(encoder, scene);
    const ghost = scene.ghost === null ? this.nothing : this.masks.get(scene.ghost);
    const picture = this.picture ?? this.nothing;
    const target = this.context.getCurrentTexture();
    this.pass(encoder, target, this.stage, [picture, matte, ghost], stageUniform(scene), true);
    this.device.queue.submit([encoder.finish()]);
    this.masks.sweep();
  }

  dispose(): void {
    this.device.destroy();
  }

  /** All masks as one picture: premultiplied colours, and how much of a pixel is inside. */
  private combine(encoder: GPUCommandEncoder, scene: Scene): GPUTexture {
    const size = matteSize(scene.frame);
    const [a, b] = this.mattesOf(size);
    scene.layers.forEach((each, i) => {
      const color = new Float32Array([...each.color, 1]);
      this.pass(encoder, a, this.layers[each.combine], [this.masks.get(each.rle)], color, i === 0);
    });
    const { offsets, weights } = blurKernel(blurOf(scene, size.scale));
    const kernel = new Float32Array(4 + 4 * (MAX_PAIRS + 1));
    offsets.forEach((offset, i) => {
      kernel.set([offset, weights[i] ?? 0], 4 + 4 * i);
    });
    kernel.set([1 / size.width, 0, offsets.length]);
    this.pass(encoder, b, this.blur, [a], kernel, true);
    kernel.set([0, 1 / size.height]);
    this.pass(encoder, a, this.blur, [b], kernel, true);
    return a;
  }

  private pass(
    encoder: GPUCommandEncoder,
    target: GPUTexture,
    pipe: GPURenderPipeline,
    textures: readonly GPUTexture[],
    uniform: Float32Array<ArrayBuffer>,
    clear: boolean,
  ): void {
    const view = target.createView();
    const attachment = {
      view,
      loadOp: clear ? "clear" : "load",
      storeOp: "store",
      clearValue: [0, 0, 0, 0],
    } as const;
    const pass = encoder.beginRenderPass({ colorAttachments: [attachment] });
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: this.linear },
      ...textures.map((each, i) => ({ binding: i + 1, resource: each.createView() })),
      { binding: textures.length + 1, resource: { buffer: this.uniform(uniform) } },
    ];
    pass.setPipeline(pipe);
    pass.setBindGroup(0, this.device.createBindGroup({ layout: pipe.getBindGroupLayout(0), entries }));
    pass.draw(3);
    pass.end();
  }

  /** Buffers are used again by the next drawing: a queue keeps what was written before it. */
  private uniform(values: Float32Array<ArrayBuffer>): GPUBuffer {
    const size = 16 + 16 * (MAX_PAIRS + 1);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.uniforms[this.spent] ?? this.device.createBuffer({ size, usage });
    this.uniforms[this.spent++] = buffer;
    this.device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  }

  private upload(rle: Rle): GPUTexture {
    const [height, width] = rle.size;
    const made = this.texture({ width: height, height: width }, "r8unorm");
    const extent = { width: height, height: width };
    this.device.queue.writeTexture({ texture: made }, transposed(rle), { bytesPerRow: height }, extent);
    return made;
  }

  private mattesOf(size: Size): readonly [GPUTexture, GPUTexture] {
    if (this.mattes?.[0].width === size.width && this.mattes[0].height === size.height) return this.mattes;
    for (const old of this.mattes ?? []) old.destroy();
    const make = () => this.texture(size, "rgba8unorm", GPUTextureUsage.RENDER_ATTACHMENT);
    this.mattes = [make(), make()];
    return this.mattes;
  }

  private texture(size: Size, format: GPUTextureFormat, more: GPUTextureUsageFlags = 0): GPUTexture {
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | more;
    return this.device.createTexture({ size: { width: size.width, height: size.height }, format, usage });
  }
}

function stageUniform(scene: Scene): Float32Array<ArrayBuffer> {
  const { frame, placement } = scene;
  const view = ["overlay", "cutout", "erase"].indexOf(scene.view);
  const inverted = scene.invert && scene.layers.length > 0 ? 1 : 0;
  return new Float32Array([
    ...[frame.width, frame.height, scene.pixelRatio, view],
    ...[placement.x, placement.y, placement.scale, scene.opacity],
    ...[...scene.backdrop, scene.feather > 0 ? 1 : 0],
    ...[...scene.checker[0], inverted],
    ...[...scene.checker[1], 0],
    ...[...scene.accent, 0],
  ]);
}

function pipeline(
  device: GPUDevice,
  code: string,
  format: GPUTextureFormat,
  blend?: GPUBlendState,
): GPURenderPipeline {
  const module = device.createShaderModule({ code });
  return device.createRenderPipeline({
    layout: "auto",
    vertex: { module },
    fragment: { module, targets: [blend === undefined ? { format } : { format, blend }] },
  });
}

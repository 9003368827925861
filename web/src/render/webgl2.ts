/** The stage on WebGL2. */

import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import { BLUR, FULL, LAYER, STAGE } from "./glsl";
import { blurOf, type Compositor, matteSize, type Scene } from "./scene";
import { blurKernel, MaskTextures, transposed } from "./upload";

type Program = { readonly program: WebGLProgram; at(name: string): WebGLUniformLocation | null };
type Target = { readonly texture: WebGLTexture; readonly frame: WebGLFramebuffer };

/** software: whether one that computes on the processor will do. null: there is none. */
export function createWebGl2(canvas: HTMLCanvasElement, software = true): Compositor | null {
  const gl = canvas.getContext("webgl2", {
    alpha: false,
    antialias: false,
    powerPreference: "high-performance",
    failIfMajorPerformanceCaveat: !software,
  });
  if (gl === null || (!software && isSoftware(gl))) return null;
  return new WebGl2(canvas, gl);
}

/** Browsers that count their own software renderer as no caveat tell its name. */
function isSoftware(gl: WebGL2RenderingContext): boolean {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

class WebGl2 implements Compositor {
  readonly kind = "webgl2";
  readonly lost: Promise<string>;
  private readonly layer: Program;
  private readonly blur: Program;
  private readonly stage: Program;
  private readonly picture: WebGLTexture;
  private readonly nothing: WebGLTexture;
  private readonly masks: MaskTextures<WebGLTexture>;
  private targets: (Size & { readonly a: Target; readonly b: Target }) | null = null;

  private readonly canvas: HTMLCanvasElement;
  private readonly gl: WebGL2RenderingContext;

  constructor(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext) {
    this.canvas = canvas;
    this.gl = gl;
    this.lost = new Promise((say) => {
      canvas.addEventListener("webglcontextlost", () => say("The graphics context was lost"), { once: true });
    });
    this.layer = link(gl, LAYER);
    this.blur = link(gl, BLUR);
    this.stage = link(gl, STAGE);
    this.picture = texture(gl);
    this.nothing = texture(gl);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    // not R8, whose alpha is 1
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    this.masks = new MaskTextures(
      (rle) => this.upload(rle),
      (each) => gl.deleteTexture(each),
    );
  }

  resize({ width, height }: Size): void {
    this.canvas.width = width;
    this.canvas.height = height;
  }

  setPicture(picture: Picture): void {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    picture.close();
  }

  draw(scene: Scene): void {
    if (this.gl.isContextLost()) return;
    const matte = scene.layers.length === 0 ? this.nothing : this.combine(scene);
    this.show(scene, matte);
    this.masks.sweep();
  }

  dispose(): void {
    this.masks.clear();
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private upload(rle: Rle): WebGLTexture {
    const { gl } = this;
    const made = texture(gl);
    const [height, width] = rle.size;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, height, width, 0, gl.RED, gl.UNSIGNED_BYTE, transposed(rle));
    return made;
  }

  /** All masks as one picture: premultiplied colours, and how much of a pixel is inside. */
  private combine(scene: Scene): WebGLTexture {
    const { gl } = this;
    const size = matteSize(scene.frame);
    const { a, b } = this.targetsOf(size);
    gl.viewport(0, 0, size.width, size.height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, a.frame);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.useProgram(this.layer.program);
    gl.enable(gl.BLEND);
    for (const each of scene.layers) {
      if (each.combine === "add") gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      else gl.blendFunc(gl.ZERO, each.combine === "subtract" ? gl.ONE_MINUS_SRC_ALPHA : gl.SRC_ALPHA);
      gl.bindTexture(gl.TEXTURE_2D, this.masks.get(each.rle));
      gl.uniform3f(this.layer.at("color"), ...each.color);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    gl.disable(gl.BLEND);
    this.soften(blurOf(scene, size.scale), size, a, b);
    return a.texture;
  }

  private soften(sigma: number, size: Size, a: Target, b: Target): void {
    const { gl } = this;
    const { offsets, weights } = blurKernel(sigma);
    gl.useProgram(this.blur.program);
    gl.uniform1fv(this.blur.at("offsets"), offsets);
    gl.uniform1fv(this.blur.at("weights"), weights);
    gl.uniform1i(this.blur.at("pairs"), offsets.length);
    for (const [from, to, x, y] of [
      [a, b, 1 / size.width, 0] as const,
      [b, a, 0, 1 / size.height] as const,
    ]) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, to.frame);
      gl.bindTexture(gl.TEXTURE_2D, from.texture);
      gl.uniform2f(this.blur.at("stride"), x, y);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  private show(scene: Scene, matte: WebGLTexture): void {
    const { gl, stage, canvas } = this;
    const { placement } = scene;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(stage.program);
    const ghost = scene.ghost === null ? this.nothing : this.masks.get(scene.ghost);
    for (const [unit, name, bound] of [
      [0, "picture", this.picture],
      [1, "matte", matte],
      [2, "ghost", ghost],
    ] as const) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, bound);
      gl.uniform1i(stage.at(name), unit);
    }
    gl.activeTexture(gl.TEXTURE0);
    gl.uniform2f(stage.at("canvas"), canvas.width, canvas.height);
    gl.uniform2f(stage.at("frame"), scene.frame.width, scene.frame.height);
    gl.uniform3f(stage.at("placement"), placement.x, placement.y, placement.scale);
    gl.uniform1f(stage.at("ratio"), scene.pixelRatio);
    gl.uniform1i(stage.at("view"), ["overlay", "cutout", "erase"].indexOf(scene.view));
    gl.uniform1f(stage.at("opacity"), scene.opacity);
    gl.uniform1i(stage.at("soft"), scene.feather > 0 ? 1 : 0);
    gl.uniform1i(stage.at("inverted"), scene.invert && scene.layers.length > 0 ? 1 : 0);
    gl.uniform3f(stage.at("backdrop"), ...scene.backdrop);
    gl.uniform3f(stage.at("checkerA"), ...scene.checker[0]);
    gl.uniform3f(stage.at("checkerB"), ...scene.checker[1]);
    gl.uniform3f(stage.at("accent"), ...scene.accent);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  private targetsOf(size: Size): { readonly a: Target; readonly b: Target } {
    const { gl, targets } = this;
    if (targets?.width === size.width && targets.height === size.height) return targets;
    for (const old of targets === null ? [] : [targets.a, targets.b]) {
      gl.deleteFramebuffer(old.frame);
      gl.deleteTexture(old.texture);
    }
    const { width, height } = size;
    this.targets = { width, height, a: target(gl, size), b: target(gl, size) };
    return this.targets;
  }
}

function target(gl: WebGL2RenderingContext, size: Size): Target {
  const made = texture(gl);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, size.width, size.height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  const frame = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, made, 0);
  return { texture: made, frame };
}

function texture(gl: WebGL2RenderingContext): WebGLTexture {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
    gl.texParameteri(gl.TEXTURE_2D, way, gl.LINEAR);
  return made;
}

function link(gl: WebGL2RenderingContext, fragment: string): Program {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, FULL] as const, [gl.FRAGMENT_SHADER, fragment] as const]) {
    const shader = gl.createShader(kind);
    if (shader === null) throw new Error("the graphics context was lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program) ?? "link");
  const known = new Map<string, WebGLUniformLocation | null>();
  const at = (name: string) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const location = gl.getUniformLocation(program, name);
    known.set(name, location);
    return location;
  };
  return { program, at };
}

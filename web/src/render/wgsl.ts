/** Shaders of the WebGPU backend; `glsl.ts` says the same for WebGL2. */

import { MAX_PAIRS } from "./upload";

const VERTEX = `
struct Corner { @builtin(position) at: vec4f, @location(0) uv: vec2f };
@vertex fn corner(@builtin(vertex_index) i: u32) -> Corner {
  let at = vec2f(select(-1.0, 3.0, i == 1u), select(-1.0, 3.0, i == 2u));
  return Corner(vec4f(at, 0.0, 1.0), vec2f(at.x * 0.5 + 0.5, 0.5 - at.y * 0.5));
}`;

export const LAYER = `${VERTEX}
@group(0) @binding(0) var linear: sampler;
@group(0) @binding(1) var mask: texture_2d<f32>;
@group(0) @binding(2) var<uniform> color: vec4f;
@fragment fn paint(in: Corner) -> @location(0) vec4f {
  let a = textureSample(mask, linear, in.uv.yx).r;
  return vec4f(color.rgb * a, a);
}`;

export const BLUR = `${VERTEX}
struct Kernel { stride: vec2f, pairs: f32, pad: f32, taps: array<vec4f, ${MAX_PAIRS + 1}> };
@group(0) @binding(0) var linear: sampler;
@group(0) @binding(1) var matte: texture_2d<f32>;
@group(0) @binding(2) var<uniform> kernel: Kernel;
@fragment fn paint(in: Corner) -> @location(0) vec4f {
  var sum = textureSampleLevel(matte, linear, in.uv, 0.0) * kernel.taps[0].y;
  for (var i = 1; i < i32(kernel.pairs); i++) {
    let shift = kernel.stride * kernel.taps[i].x;
    sum += (textureSampleLevel(matte, linear, in.uv + shift, 0.0)
      + textureSampleLevel(matte, linear, in.uv - shift, 0.0)) * kernel.taps[i].y;
  }
  return sum;
}`;

export const STAGE = `${VERTEX}
struct Look {
  frame: vec2f, ratio: f32, view: f32,
  placement: vec3f, opacity: f32,
  backdrop: vec3f, soft: f32,
  checkerA: vec3f, inverted: f32,
  checkerB: vec3f, pad: f32,
  accent: vec3f, pad2: f32,
};
@group(0) @binding(0) var linear: sampler;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var matte: texture_2d<f32>;
@group(0) @binding(3) var ghost: texture_2d<f32>;
@group(0) @binding(4) var<uniform> look: Look;

fn seen(p: vec2f) -> vec3f {
  if (look.placement.z > 6.0 * look.ratio) {
    let size = vec2f(textureDimensions(picture));
    return textureLoad(picture, vec2i(clamp(p * size / look.frame, vec2f(0.0), size - 1.0)), 0).rgb;
  }
  let q = vec2f(0.25 / look.placement.z);
  let r = vec2f(q.x, -q.y);
  return 0.25 * (textureSampleLevel(picture, linear, (p + q) / look.frame, 0.0).rgb
    + textureSampleLevel(picture, linear, (p - q) / look.frame, 0.0).rgb
    + textureSampleLevel(picture, linear, (p + r) / look.frame, 0.0).rgb
    + textureSampleLevel(picture, linear, (p - r) / look.frame, 0.0).rgb);
}

fn slope(a: f32) -> f32 { return max(length(vec2f(dpdx(a), dpdy(a))), 1e-4); }

@fragment fn paint(in: Corner) -> @location(0) vec4f {
  let at = in.at.xy;
  let p = (at - look.placement.xy) / look.placement.z;
  let uv = p / look.frame;
  var shown = seen(p);
  let m = textureSampleLevel(matte, linear, uv, 0.0);
  let g = textureSampleLevel(ghost, linear, uv.yx, 0.0).r;
  let inverted = look.inverted > 0.5;
  let a = select(m.a, 1.0 - m.a, inverted);
  let color = select(m.rgb / max(m.a, 1e-3), look.accent, inverted);
  let d = (a - 0.5) / slope(a);
  let dg = (g - 0.5) / slope(g);
  let alpha = select(clamp(d + 0.5, 0.0, 1.0), a, look.soft > 0.5);
  let tile = floor(at / (9.0 * look.ratio));
  let checker = select(look.checkerB, look.checkerA, fract((tile.x + tile.y) * 0.5) < 0.25);
  if (look.view < 0.5) {
    shown = mix(shown, color, alpha * look.opacity);
    let line = 1.0 - smoothstep(0.4, 1.4, abs(d) / look.ratio);
    shown = mix(shown, mix(color, vec3f(1.0), 0.4), line * min(1.0, look.opacity * 2.5) * (1.0 - look.soft));
  } else {
    shown = mix(shown, checker, select(alpha, 1.0 - alpha, look.view < 1.5));
  }
  shown = mix(shown, vec3f(1.0), clamp(dg + 0.5, 0.0, 1.0) * 0.22);
  shown = mix(shown, vec3f(1.0), (1.0 - smoothstep(0.3, 1.2, abs(dg) / look.ratio)) * 0.85);
  let inside = step(vec2f(0.0), p) * step(p, look.frame);
  return vec4f(mix(look.backdrop, shown, inside.x * inside.y), 1.0);
}`;

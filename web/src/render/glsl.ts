/** Shaders of the WebGL2 backend; `wgsl.ts` says the same for WebGPU. */

import { MAX_PAIRS } from "./upload";

/** One triangle over everything. uv: (0, 0) is the upper left corner of the frame. */
export const FULL = `#version 300 es
out vec2 uv;
void main() {
  vec2 at = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  uv = at * 0.5 + 0.5;
  gl_Position = vec4(at, 0.0, 1.0);
}`;

/** A mask in its colour; blending joins it with those before. The texture is transposed. */
export const LAYER = `#version 300 es
precision highp float;
in vec2 uv;
uniform sampler2D mask;
uniform vec3 color;
out vec4 result;
void main() {
  float a = texture(mask, uv.yx).r;
  result = vec4(color * a, a);
}`;

export const BLUR = `#version 300 es
precision highp float;
in vec2 uv;
uniform sampler2D matte;
uniform vec2 stride;
uniform int pairs;
uniform float offsets[${MAX_PAIRS + 1}];
uniform float weights[${MAX_PAIRS + 1}];
out vec4 result;
void main() {
  vec4 sum = texture(matte, uv) * weights[0];
  for (int i = 1; i < pairs; i++) {
    vec2 shift = stride * offsets[i];
    sum += (texture(matte, uv + shift) + texture(matte, uv - shift)) * weights[i];
  }
  result = sum;
}`;

export const STAGE = `#version 300 es
precision highp float;
uniform sampler2D picture;
uniform sampler2D matte;
uniform sampler2D ghost;
uniform vec2 canvas;
uniform vec2 frame;
uniform vec3 placement;
uniform float ratio;
uniform int view;
uniform float opacity;
uniform bool soft;
uniform bool inverted;
uniform vec3 backdrop;
uniform vec3 checkerA;
uniform vec3 checkerB;
uniform vec3 accent;
out vec4 result;

vec3 look(vec2 p) {
  if (placement.z > 6.0 * ratio) {
    vec2 size = vec2(textureSize(picture, 0));
    return texelFetch(picture, ivec2(clamp(p * size / frame, vec2(0.0), size - 1.0)), 0).rgb;
  }
  vec2 quarter = vec2(0.25 / placement.z);
  vec3 sum = texture(picture, (p + quarter) / frame).rgb + texture(picture, (p - quarter) / frame).rgb;
  quarter.y = -quarter.y;
  sum += texture(picture, (p + quarter) / frame).rgb + texture(picture, (p - quarter) / frame).rgb;
  return sum * 0.25;
}

float slope(float a) { return max(length(vec2(dFdx(a), dFdy(a))), 1e-4); }

void main() {
  vec2 at = vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y);
  vec2 p = (at - placement.xy) / placement.z;
  vec2 uv = p / frame;
  vec3 shown = look(p);
  vec4 m = texture(matte, uv);
  float g = texture(ghost, uv.yx).r;
  float a = inverted ? 1.0 - m.a : m.a;
  vec3 color = inverted ? accent : m.rgb / max(m.a, 1e-3);
  float d = (a - 0.5) / slope(a);
  float dg = (g - 0.5) / slope(g);
  float alpha = soft ? a : clamp(d + 0.5, 0.0, 1.0);
  vec2 tile = floor(at / (9.0 * ratio));
  vec3 checker = mod(tile.x + tile.y, 2.0) < 0.5 ? checkerA : checkerB;
  if (view == 0) {
    shown = mix(shown, color, alpha * opacity);
    float line = 1.0 - smoothstep(0.4, 1.4, abs(d) / ratio);
    shown = mix(shown, mix(color, vec3(1.0), 0.4), soft ? 0.0 : line * min(1.0, opacity * 2.5));
  } else {
    shown = mix(shown, checker, view == 1 ? 1.0 - alpha : alpha);
  }
  shown = mix(shown, vec3(1.0), clamp(dg + 0.5, 0.0, 1.0) * 0.22);
  shown = mix(shown, vec3(1.0), (1.0 - smoothstep(0.3, 1.2, abs(dg) / ratio)) * 0.85);
  vec2 inside = step(vec2(0.0), p) * step(p, frame);
  result = vec4(mix(backdrop, shown, inside.x * inside.y), 1.0);
}`;

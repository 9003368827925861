/** The verbs on one picture, as tests/web_answers.py asks them of the engine on ONNX Runtime. */

import type { Decoded, DecodePrompt, LoadedEngine, Pixels } from "@/engine/base";

const STEP = 37;
const sample = (array: Float32Array): number[] => Array.from(array).filter((_, i) => i % STEP === 0);

function picture(width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      data[i] = (x * 7 + y * 3) % 256;
      data[i + 1] = ((Math.floor(x / 3) + Math.floor(y / 2)) % 2) * 255;
      data[i + 2] = (x * x * 31 + y * y * 17 + x * y * 11) % 256;
    }
  }
  return { width, height, data };
}

const sampled = (each: Decoded) => ({
  masks: sample(each.masks),
  ious: sample(each.ious),
  presence: sample(each.presence),
  pointers: sample(each.pointers),
});

/** Mask `token` of each object: (b, M, M). */
function tokens(each: Decoded, token: number): Float32Array {
  const one = each.side * each.side;
  const out = new Float32Array(each.objects * one);
  for (let i = 0; i < each.objects; i++) {
    out.set(each.masks.subarray((4 * i + token) * one, (4 * i + token + 1) * one), i * one);
  }
  return out;
}

function linspace(from: number, to: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => from + ((to - from) * i) / (length - 1));
}

export async function verbs(engine: LoadedEngine) {
  const { imageSize, dim } = engine.preset;
  const features = await engine.encode(picture(90, 60));
  const places = [0.4, 0.5, 0.8, 0.2, 0.1, 0.3, 0.6, 0.9];
  const prompt: DecodePrompt = {
    objects: 2,
    points: Float32Array.from(places, (x) => Math.fround(x) * imageSize),
    labels: new Float32Array([1, 0, 2, 3]),
    maskInput: null,
  };
  const clicked = await engine.decode(features, prompt);
  const said = [new Float32Array([1, 0]), new Float32Array([2, -1])] as const;
  const [first, second] = await engine.remember(features, tokens(clicked, 0), clicked.side, ...said);
  if (!first || !second) throw new Error("two memories were asked for");
  const pointers = [0, 1, 2].map((k) => linspace(-1, k, dim));
  const recalled = await engine.recall(features, [
    {
      memories: [
        { memory: first, slot: 0 },
        { memory: second, slot: 1 },
      ],
      pointers: pointers.map((pointer, k) => ({ pointer, dt: k / 15 })),
    },
    {
      memories: [{ memory: second, slot: 0 }],
      pointers: [{ pointer: pointers[2] as Float32Array, dt: -0.2 }],
    },
  ]);
  const tracked = await engine.decode(recalled, {
    objects: 2,
    points: new Float32Array(4),
    labels: new Float32Array([-1, -1]),
    maskInput: tokens(clicked, 1).map((x) => Math.max(-32, Math.min(32, x))),
  });
  const bare = await engine.unconditioned(features);
  const plain = await engine.decode(bare, prompt);
  const { imageEmbed, highRes0, highRes1 } = await engine.toArrays(features);
  for (const each of [recalled, bare, features]) each.dispose();
  return {
    weightsSha256: engine.weightsSha256,
    step: STEP,
    features: {
      imageEmbed: sample(imageEmbed.data),
      highRes0: sample(highRes0.data),
      highRes1: sample(highRes1.data),
    },
    clicked: sampled(clicked),
    memories: [first, second].map(({ map }) => sample((map as unknown as { data: Float32Array }).data)),
    tracked: sampled(tracked),
    unconditioned: sampled(plain),
  };
}

/**
 * The community's route: a SAM 2.1 tiny encoder and decoder of `samexporter` in the plain loop of
 * onnxruntime-web, as its users write it. Only the runtime's place and threads are set as ours are.
 */

import type * as Ort from "onnxruntime-web";

export interface CommunityTimings {
  readonly encode: number[]; // milliseconds
  readonly decode: number[];
}

interface Sessions {
  readonly ort: typeof Ort;
  readonly encoder: Ort.InferenceSession;
  readonly decoder: Ort.InferenceSession;
}

export async function openCommunity(folder: string, runtime: string, threads: number): Promise<Sessions> {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = threads;
  const open = async (name: string) => {
    const bytes = new Uint8Array(await (await fetch(`${folder}${name}.onnx`)).arrayBuffer());
    return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  };
  return { ort, encoder: await open("encoder"), decoder: await open("decoder") };
}

/** One frame, and a few clicks on it. */
export async function timeCommunity({ ort, encoder, decoder }: Sessions): Promise<CommunityTimings> {
  const tensor = (data: Float32Array, dims: number[]) => new ort.Tensor("float32", data, dims);
  const took: CommunityTimings = { encode: [], decode: [] };
  const image = new Float32Array(3 * 1024 * 1024).map((_, i) => ((i * 7919) % 255) / 127 - 1);
  const start = performance.now();
  const features = await encoder.run({ image: tensor(image, [1, 3, 1024, 1024]) });
  took.encode.push(performance.now() - start);
  for (let i = 0; i < 3; i++) {
    const clicked = performance.now();
    await decoder.run({
      ...features,
      point_coords: tensor(new Float32Array([500 + i, 400]), [1, 1, 2]),
      point_labels: tensor(new Float32Array([1]), [1, 1]),
      mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
      has_mask_input: tensor(new Float32Array(1), [1]),
    });
    took.decode.push(performance.now() - clicked);
  }
  return took;
}

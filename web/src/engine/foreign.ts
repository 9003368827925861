/**
 * A decoder from elsewhere, as `samexporter` writes them: one file, nothing that describes it. What graphs.json
 * would say is read off its tensors; the learned numbers beside it are not known, and not needed for clicks.
 */

import type * as Ort from "onnxruntime-web";
import { SplitmaskError } from "@/core/errors";
import { GRAPH_VERSION, needed } from "@/engine/graphs";
import { openRuntime } from "@/engine/runtime";

export interface Decoder {
  readonly file: string; // name, ending in .onnx
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** The text of its graphs.json. runtime: as in `EngineOptions`. Rejects with `model.unfit`. */
export async function describeDecoder(decoder: Decoder, runtime: string): Promise<string> {
  const { ort } = await openRuntime("wasm", { prefer: "wasm", runtime });
  let session: Ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(decoder.bytes, { executionProviders: ["wasm"] });
  } catch (error) {
    throw unfit(decoder, "is not a graph that this runtime loads", error);
  }
  try {
    return JSON.stringify(
      description(decoder, tensors(session.inputMetadata), tensors(session.outputMetadata)),
    );
  } finally {
    await session.release();
  }
}

type Dims = readonly (number | string)[];
interface TensorInfo {
  readonly name: string;
  readonly dtype: "float32";
  readonly shape: Dims;
}

function tensors(metadata: readonly Ort.InferenceSession.ValueMetadata[]): TensorInfo[] {
  return metadata.map((each) => ({
    name: each.name,
    dtype: "float32",
    shape: each.isTensor ? each.shape.map((dim) => (dim === "" || Number(dim) < 1 ? "any" : dim)) : [],
  }));
}

function description(
  decoder: Decoder,
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
): object {
  for (const [side, have] of [["inputs", inputs] as const, ["outputs", outputs] as const]) {
    const missing = needed("mask_decoder", side).find((name) => !have.some((each) => each.name === name));
    if (missing) throw unfit(decoder, `has no "${missing}": it is not a mask decoder`);
  }
  const dim = lengthOf(decoder, inputs, "image_embed", 1);
  const grid = lengthOf(decoder, inputs, "image_embed", 2);
  const { file, sha256, bytes } = decoder;
  return {
    format: "splitmask.graphs",
    version: GRAPH_VERSION,
    preset: file.replace(/\.onnx$/, ""),
    imageSize: grid * 16,
    dim,
    weightsSha256: sha256,
    masks: lengthOf(decoder, outputs, "iou_predictions", 1),
    preprocess: { resize: "bilinear-aa", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    memorySlots: ["prompted"],
    graphs: { mask_decoder: { file, bytes: bytes.length, sha256, inputs, outputs } },
    constants: {
      noMemEmbed: zeros(dim),
      noObjPtr: zeros(dim),
      maskDownsample: { weight: Array.from({ length: 4 }, () => zeros(4)), bias: 0 },
    },
  };
}

function lengthOf(decoder: Decoder, infos: readonly TensorInfo[], name: string, axis: number): number {
  const length = infos.find((each) => each.name === name)?.shape[axis];
  if (typeof length === "number") return length;
  throw unfit(
    decoder,
    `leaves the size of "${name}" open: drop the folder that splitmask export-onnx writes`,
  );
}

const zeros = (length: number): number[] => new Array<number>(length).fill(0);

function unfit({ file }: Decoder, what: string, cause?: unknown): SplitmaskError {
  return new SplitmaskError("model.unfit", `${file} ${what}`, { cause });
}

/** `graphs.json`: what a folder of ONNX graphs says of itself. docs/graphs.md is its description. */

import { z } from "zod";
import { SplitmaskError } from "@/core/errors";
import type { EnginePreset, PolicyConstants } from "@/engine/base";
import type { FixedSizes } from "@/engine/fixed";

export const GRAPHS_FILE = "graphs.json";
export const GRAPH_VERSION = 1;
const POINTERS = 16; // that a session keeps at most; the same in every preset

/** Inputs and outputs of each graph. */
export const TENSORS = {
  image_encoder: {
    inputs: ["image"],
    outputs: ["high_res_feats_0", "high_res_feats_1", "image_embed"],
  },
  mask_decoder: {
    inputs: [
      "image_embed",
      "high_res_feats_0",
      "high_res_feats_1",
      "point_coords",
      "point_labels",
      "mask_input",
      "has_mask_input",
    ],
    outputs: ["masks", "iou_predictions", "object_score_logits", "object_pointer"],
  },
  memory_encoder: {
    inputs: ["image_embed", "mask_logits", "binarize", "object_score_logits"],
    outputs: ["memory"],
  },
  memory_attention: {
    inputs: ["image_embed", "memory", "memory_tpos", "memory_bias", "pointers", "pointer_dt", "pointer_bias"],
    outputs: ["conditioned_embed"],
  },
} as const;

/** What a decoder from elsewhere has: it answers clicks, and nothing can be tracked with it. */
const MASKS_ONLY: readonly string[] = ["masks", "iou_predictions"];

export type GraphName = keyof typeof TENSORS;
export const GRAPH_NAMES = Object.keys(TENSORS) as GraphName[];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const tensor = z.object({
  name: z.string(),
  dtype: z.literal("float32"),
  shape: z.array(z.union([z.int().positive(), z.string()])),
});
const graph = z.object({
  file: z.string().regex(/^[^/\\]+\.onnx$/, "a file's name without a folder"),
  bytes: z.int().positive(),
  sha256,
  inputs: z.array(tensor),
  outputs: z.array(tensor),
  /** Weights apart from the graph, of models of more than 2 GB. */
  data: z.undefined("is too large for a browser").optional(),
});
const schema = z.object({
  format: z.literal("splitmask.graphs"),
  version: z.int(),
  preset: z.string().min(1),
  imageSize: z.int().positive().multipleOf(16),
  dim: z.int().positive(),
  weightsSha256: z.string(),
  /** Of the decoder: 3 are tokens 1…3. */
  masks: z.union([z.literal(3), z.literal(4)]).default(4),
  /** Their number, where shapes are fixed; surplus ones are labelled −2. */
  points: z.int().positive().optional(),
  preprocess: z.object({
    resize: z.string(),
    mean: z.array(z.number()).length(3),
    std: z.array(z.number().positive()).length(3),
  }),
  memorySlots: z.array(z.string()).min(1),
  graphs: z.object({
    image_encoder: graph.optional(),
    mask_decoder: graph,
    memory_encoder: graph.optional(),
    memory_attention: graph.optional(),
  }),
  constants: z.object({
    noMemEmbed: z.array(z.number()),
    noObjPtr: z.array(z.number()),
    maskDownsample: z.object({ weight: z.array(z.array(z.number()).length(4)).length(4), bias: z.number() }),
  }),
});

type Parsed = z.infer<typeof schema>;
export type GraphInfo = z.infer<typeof graph>;

/** The graphs of one model and the few learned numbers that are needed outside them. */
export interface GraphSet {
  readonly preset: EnginePreset;
  readonly weightsSha256: string;
  readonly mean: readonly number[]; // of R, G, B in 0…1
  readonly std: readonly number[];
  readonly graphs: Readonly<Partial<Record<GraphName, GraphInfo>>> & { readonly mask_decoder: GraphInfo };
  readonly constants: PolicyConstants;
  readonly noMemEmbed: Float32Array; // (c)
  readonly masks: 3 | 4;
  readonly points: number | null;
  /** What else is fixed where points are; null where nothing is. */
  readonly fixed: FixedSizes | null;
  /** (cm, h', w'): of one memory; null for a model that does not track. */
  readonly memoryShape: readonly [number, number, number] | null;
}

/** Throws `model.unfit` for text that is not a graphs.json of this version, naming the field. */
export function parseGraphs(text: string, source: string): GraphSet {
  const found = schema.safeParse(json(text, source));
  if (!found.success) {
    const issue = found.error.issues[0];
    const where = issue?.path.join(".") || GRAPHS_FILE;
    throw new SplitmaskError(
      "model.unfit",
      `${source} is damaged: ${where}: ${issue?.message}; export it again`,
    );
  }
  const root = found.data;
  if (root.version !== GRAPH_VERSION) {
    const versions = `version ${root.version}, this page reads ${GRAPH_VERSION}`;
    throw new SplitmaskError("model.unfit", `${source} has ${versions}: export the model again`);
  }
  checkTensors(root, source);
  return graphSet(root, source);
}

function json(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SplitmaskError("model.unfit", `${source} is not JSON: export the model again`, {
      cause: error,
    });
  }
}

/** Tensors without which a graph is none of ours. */
export function needed(name: GraphName, side: "inputs" | "outputs"): readonly string[] {
  return name === "mask_decoder" && side === "outputs" ? MASKS_ONLY : TENSORS[name][side];
}

function checkTensors(root: Parsed, source: string): void {
  for (const name of GRAPH_NAMES) {
    const info = root.graphs[name];
    if (!info) continue;
    for (const side of ["inputs", "outputs"] as const) {
      const have = new Set(info[side].map((each) => each.name));
      const missing = needed(name, side).find((each) => !have.has(each));
      if (missing) {
        const what = `${name} lacks the ${side.slice(0, -1)} "${missing}"`;
        throw new SplitmaskError("model.unfit", `${source}: ${what}: export the model again`);
      }
    }
  }
}

function graphSet(root: Parsed, source: string): GraphSet {
  const { constants } = root;
  const vector = (name: "noMemEmbed" | "noObjPtr") => {
    if (constants[name].length === root.dim) return Float32Array.from(constants[name]);
    const what = `constants.${name} has ${constants[name].length} numbers, not ${root.dim}`;
    throw new SplitmaskError("model.unfit", `${source}: ${what}; export it again`);
  };
  return {
    preset: {
      name: root.preset,
      imageSize: root.imageSize,
      dim: root.dim,
      numMemories: root.memorySlots.length,
      maxPointers: POINTERS,
    },
    weightsSha256: root.weightsSha256,
    mean: root.preprocess.mean,
    std: root.preprocess.std,
    graphs: root.graphs as GraphSet["graphs"],
    constants: {
      noObjPtr: vector("noObjPtr"),
      maskDownsampleWeight: Float32Array.from(constants.maskDownsample.weight.flat()),
      maskDownsampleBias: constants.maskDownsample.bias,
    },
    noMemEmbed: vector("noMemEmbed"),
    masks: root.masks,
    points: root.points ?? null,
    fixed: root.points === undefined ? null : fixedSizes(root),
    memoryShape: memoryShape(root),
  };
}

function fixedSizes({ graphs }: Parsed): FixedSizes {
  const size = (name: GraphName, input: string, axis: number) => {
    const length = graphs[name]?.inputs.find((each) => each.name === input)?.shape.at(axis);
    return typeof length === "number" ? length : 1;
  };
  return {
    memories: size("memory_attention", "memory", 1),
    pointers: size("memory_attention", "pointers", 1),
    maskSide: size("memory_encoder", "mask_logits", -1),
  };
}

function memoryShape(root: Parsed): readonly [number, number, number] | null {
  if (!root.graphs.memory_encoder || !root.graphs.memory_attention || !decoderTracks(root)) return null;
  const shape = root.graphs.memory_encoder.outputs[0]?.shape ?? [];
  const [cm, h, w] = shape.slice(1);
  return typeof cm === "number" && typeof h === "number" && typeof w === "number" ? [cm, h, w] : null;
}

/** Whether the decoder tells what tracking needs. */
function decoderTracks({ masks, graphs }: Parsed): boolean {
  return masks === 4 && graphs.mask_decoder.outputs.some(({ name }) => name === "object_pointer");
}

/** Bytes of all graphs together. */
export function bytesOf(graphs: GraphSet): number {
  return GRAPH_NAMES.reduce((sum, name) => sum + (graphs.graphs[name]?.bytes ?? 0), 0);
}

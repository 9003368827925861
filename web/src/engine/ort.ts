/** The four verbs on one provider of onnxruntime-web. */

import type * as Ort from "onnxruntime-web";
import { normalised } from "@/core/stretch";
import type {
  Decoded,
  DecodePrompt,
  FeatureArrays,
  Features,
  Memory,
  Recollection,
  Tensor,
} from "@/engine/base";
import { fixedPoints, fourMasks } from "@/engine/decoder";
import type { ModelFiles } from "@/engine/files";
import { allFinite, brokenPart, isWhole, notFinite } from "@/engine/finite";
import { asMaskInput, concatenated, enlarged, joined, promptOf } from "@/engine/fixed";
import { type GoldenCase, inputArray } from "@/engine/golden";
import { Graphs } from "@/engine/graph";
import type { GraphSet } from "@/engine/graphs";
import { objectsAtOnce, padded } from "@/engine/padding";
import type { Runtime } from "@/engine/runtime";

/** Numbers on the CPU: garbage collection frees them. */
class HostTensor implements Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;

  constructor(data: Float32Array, dims: readonly number[]) {
    this.data = data;
    this.dims = dims;
  }

  dispose(): void {}
}

/**
 * Features lie where the provider left them: in buffers of the graphics processor with WebGPU. Memories are
 * brought to the CPU: a recall gathers them from many frames into one batch anyway, they are small (64 kB for
 * `nano`), and so they outlive a graphics processor that is lost.
 */
export class OrtEngine {
  readonly runtime: Runtime;
  readonly model: GraphSet;
  readonly #graphs: Graphs;

  private constructor(runtime: Runtime, model: GraphSet, graphs: Graphs) {
    this.runtime = runtime;
    this.model = model;
    this.#graphs = graphs;
  }

  /** Loads all graphs. Rejects with `model.corrupt`, `model.unfit`, `provider.failed` or `network`. */
  static async open(runtime: Runtime, files: ModelFiles): Promise<OrtEngine> {
    return new OrtEngine(runtime, files.graphs, await Graphs.open(runtime, files));
  }

  /** square: RGB (S, S, 3). */
  async encode(square: Uint8Array): Promise<Features> {
    const { preset, mean, std } = this.model;
    const side = preset.imageSize;
    const image = this.#tensor(normalised(square, side, mean, std), [1, 3, side, side]);
    const out = await this.#graphs.run("image_encoder", { image });
    return owned(out.image_embed as Tensor, out.high_res_feats_0 as Tensor, out.high_res_feats_1 as Tensor);
  }

  async recall(features: Features, recollections: readonly Recollection[]): Promise<Features> {
    const { fixed, preset } = this.model;
    const size = fixed ? 1 : objectsAtOnce(recollections, preset, this.#memoryShape());
    const embeds: Ort.Tensor[] = [];
    for (let start = 0; start < recollections.length; start += size) {
      embeds.push(await this.#recallSome(features, recollections, start, start + size));
    }
    const embed = embeds.length === 1 ? (embeds[0] as Ort.Tensor) : await this.#joined(embeds);
    return { ...features, imageEmbed: embed, dispose: () => embed.dispose() };
  }

  async #recallSome(
    features: Features,
    recollections: readonly Recollection[],
    start: number,
    end: number,
  ): Promise<Ort.Tensor> {
    const group = recollections.slice(start, end);
    const { numMemories, dim } = this.model.preset;
    const shape = this.#memoryShape();
    const b = group.length;
    const cells = shape[0] * shape[1] * shape[2];
    const batch = padded(group, this.model.preset, cells, hostData, this.model.fixed ?? undefined);
    const { r, p } = batch;
    const out = await this.#graphs.run("memory_attention", {
      image_embed: await this.#embedOf(features, start, b),
      memory: this.#tensor(batch.memory, [b, r, ...shape]),
      memory_tpos: this.#tensor(batch.tpos, [b, r, numMemories]),
      memory_bias: this.#tensor(batch.memoryBias, [b, r]),
      pointers: this.#tensor(batch.pointers, [b, p, dim]),
      pointer_dt: this.#tensor(batch.dt, [b, p]),
      pointer_bias: this.#tensor(batch.pointerBias, [b, p]),
    });
    return out.conditioned_embed as Ort.Tensor;
  }

  /** The features of objects start … start + b, where each has its own; else those of all. */
  async #embedOf(features: Features, start: number, b: number): Promise<Ort.Tensor> {
    const embed = features.imageEmbed as Ort.Tensor;
    const [images = 1, ...rest] = embed.dims;
    if (images === 1 || images === b) return embed;
    const one = rest.reduce((x, y) => x * y, 1);
    const data = await this.#graphs.read(embed);
    return this.#tensor(data.slice(start * one, (start + b) * one), [b, ...rest]);
  }

  async #joined(parts: readonly Ort.Tensor[]): Promise<Ort.Tensor> {
    const out = concatenated(await Promise.all(parts.map((each) => this.#graphs.read(each))));
    const [, ...rest] = (parts[0] as Ort.Tensor).dims;
    const objects = parts.reduce((sum, each) => sum + (each.dims[0] as number), 0);
    for (const part of parts) part.dispose();
    return this.#tensor(out, [objects, ...rest]);
  }

  async decode(features: Features, prompt: DecodePrompt): Promise<Decoded> {
    const decoded = await this.#decodeAll(features, prompt);
    if (isWhole(decoded)) return decoded;
    const part = brokenPart(decoded, await this.toArrays(features));
    throw notFinite(part, this.runtime.provider);
  }

  async #decodeAll(features: Features, prompt: DecodePrompt): Promise<Decoded> {
    const { points, memoryShape } = this.model;
    const alone = prompt.objects === 1 || (points === null && memoryShape !== null);
    if (alone) return this.#decodeSome(features.imageEmbed as Ort.Tensor, features, prompt);
    const parts: Decoded[] = [];
    for (let i = 0; i < prompt.objects; i++) {
      const embed = await this.#embedOf(features, i, 1);
      parts.push(await this.#decodeSome(embed, features, promptOf(prompt, i)));
    }
    return joined(parts);
  }

  async #decodeSome(embed: Ort.Tensor, features: Features, prompt: DecodePrompt): Promise<Decoded> {
    const b = prompt.objects;
    const side = this.model.preset.imageSize / 4;
    const { points, labels } = fixedPoints(prompt, this.model.points);
    const n = labels.length / b;
    const before = prompt.maskInput && asMaskInput(prompt.maskInput, b, side);
    const out = await this.#graphs.run("mask_decoder", {
      image_embed: embed,
      high_res_feats_0: features.highRes0 as Ort.Tensor,
      high_res_feats_1: features.highRes1 as Ort.Tensor,
      point_coords: this.#tensor(points, [b, n, 2]),
      point_labels: this.#tensor(labels, [b, n]),
      mask_input: this.#tensor(before ?? new Float32Array(b * side * side), [b, 1, side, side]),
      has_mask_input: this.#tensor(new Float32Array(b).fill(before ? 1 : 0), [b]),
    });
    const read = (name: string) => (out[name] ? this.#graphs.read(out[name]) : null);
    return fourMasks({
      objects: b,
      side: (out.masks as Ort.Tensor).dims[3] as number,
      dim: this.model.preset.dim,
      masks: await this.#graphs.read(out.masks as Ort.Tensor),
      ious: await this.#graphs.read(out.iou_predictions as Ort.Tensor),
      presence: await read("object_score_logits"),
      pointers: await read("object_pointer"),
    });
  }

  async remember(
    features: Features,
    maskLogits: Float32Array,
    side: number,
    binarize: Float32Array,
    presence: Float32Array,
  ): Promise<Memory[]> {
    const b = binarize.length;
    const to = this.model.fixed?.maskSide;
    if (to === undefined) return this.#rememberSome(features, maskLogits, side, binarize, presence);
    const memories: Memory[] = [];
    for (let i = 0; i < b; i++) {
      const logits = enlarged(maskLogits.subarray(i * side * side, (i + 1) * side * side), side, to);
      const [own, seen] = [binarize.subarray(i, i + 1), presence.subarray(i, i + 1)];
      memories.push(...(await this.#rememberSome(features, logits, to, own, seen)));
    }
    return memories;
  }

  async #rememberSome(
    features: Features,
    maskLogits: Float32Array,
    side: number,
    binarize: Float32Array,
    presence: Float32Array,
  ): Promise<Memory[]> {
    const b = binarize.length;
    const out = await this.#graphs.run("memory_encoder", {
      image_embed: features.imageEmbed as Ort.Tensor,
      mask_logits: this.#tensor(maskLogits, [b, 1, side, side]),
      binarize: this.#tensor(binarize, [b]),
      object_score_logits: this.#tensor(presence, [b, 1]),
    });
    const all = await this.#graphs.read(out.memory as Ort.Tensor);
    if (!allFinite(all)) throw notFinite("the memory encoder's memory", this.runtime.provider);
    const shape = this.#memoryShape();
    const cells = all.length / b;
    return Array.from({ length: b }, (_, i) => ({
      map: new HostTensor(all.slice(i * cells, (i + 1) * cells), shape),
      dispose: () => undefined,
    }));
  }

  async unconditioned(features: Features): Promise<Features> {
    const { dims } = features.imageEmbed;
    const data = (await this.#graphs.read(features.imageEmbed as Ort.Tensor)).slice();
    const cells = (dims[2] as number) * (dims[3] as number);
    const { noMemEmbed } = this.model;
    for (let i = 0; i < data.length; i++) {
      const channel = Math.floor(i / cells) % noMemEmbed.length;
      data[i] = (data[i] as number) - (noMemEmbed[channel] as number);
    }
    const embed = this.#tensor(data, dims);
    return { ...features, imageEmbed: embed, dispose: () => embed.dispose() };
  }

  async toArrays(features: Features): Promise<FeatureArrays> {
    const array = async (tensor: Tensor) => ({
      dims: tensor.dims,
      data: (await this.#graphs.read(tensor as Ort.Tensor)).slice(),
    });
    return {
      imageEmbed: await array(features.imageEmbed),
      highRes0: await array(features.highRes0),
      highRes1: await array(features.highRes1),
    };
  }

  fromArrays(arrays: FeatureArrays): Features {
    const tensor = ({ data, dims }: FeatureArrays["imageEmbed"]) => this.#tensor(data, dims);
    return owned(tensor(arrays.imageEmbed), tensor(arrays.highRes0), tensor(arrays.highRes1));
  }

  /** A graph's answer to stored inputs, on the CPU. */
  async answer({ graph, inputs }: GoldenCase): Promise<Record<string, Float32Array>> {
    const feed: Record<string, Ort.Tensor> = {};
    for (const [name, info] of Object.entries(inputs))
      feed[name] = this.#tensor(inputArray(info), info.shape);
    const out = await this.#graphs.run(graph, feed);
    const found: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(out)) {
      found[name] = (await this.#graphs.read(tensor)).slice();
      tensor.dispose();
    }
    return found;
  }

  /** Tensors of a runtime that is gone are gone with it. */
  get isDisposed(): boolean {
    return this.#graphs.isReleased;
  }

  dispose(): Promise<void> {
    return this.#graphs.release();
  }

  #tensor(data: Float32Array, dims: readonly number[]): Ort.Tensor {
    return new this.runtime.ort.Tensor("float32", data, dims);
  }

  #memoryShape(): readonly [number, number, number] {
    // without the graph `run` rejects and says so
    return this.model.memoryShape ?? [1, 1, 1];
  }
}

function owned(imageEmbed: Tensor, highRes0: Tensor, highRes1: Tensor): Features {
  const dispose = () => {
    for (const each of [imageEmbed, highRes0, highRes1]) each.dispose();
  };
  return { imageEmbed, highRes0, highRes1, dispose };
}

const hostData = (memory: Memory): Float32Array => (memory.map as HostTensor).data;

/** A small deterministic engine whose tensors are counted, and a clip of grey frames that it reads. */

import type { Size } from "@/core/types";
import type {
  Decoded,
  DecodePrompt,
  Engine,
  FeatureArrays,
  Features,
  Memory,
  Pixels,
  Recollection,
} from "@/engine/base";
import type { Reader } from "@/media/source";

export const TOY = { name: "toy", imageSize: 16, dim: 4, numMemories: 7, maxPointers: 16 };
export const SIZE: Size = { width: 12, height: 8 };
const SIDE = 4;

interface Toy {
  readonly values: readonly number[]; // one per object; of a frame's own features, one
}

export class ToyEngine implements Engine {
  readonly preset = TOY;
  readonly constants = {
    noObjPtr: new Float32Array(4).fill(-1),
    maskDownsampleWeight: new Float32Array(16).fill(1 / 16),
    maskDownsampleBias: 0,
  };
  readonly description = "toy";
  /** Verbs in the order they were asked for, with the number of objects. */
  readonly log: string[] = [];
  live = 0;
  most = 0;
  readonly weightsSha256: string;
  /** Called when a verb is under way; a test may act then. */
  during: (verb: string) => void | Promise<void> = () => {};

  constructor(weightsSha256 = "abcdef01") {
    this.weightsSha256 = weightsSha256;
  }

  async encode(image: Pixels): Promise<Features> {
    await this.asked("encode", 1);
    return this.features([(image.data[0] ?? 0) / 64]);
  }

  async recall(features: Features, recollections: readonly Recollection[]): Promise<Features> {
    await this.asked("recall", recollections.length);
    const [own = 0] = valuesOf(features);
    const values = recollections.map(({ memories, pointers }) => {
      if (memories.length === 0) throw new Error("nothing to recall");
      const seen = memories.map(({ memory, slot }) => scalarOf(memory) / (1 + slot));
      const said = pointers.map(({ pointer, dt }) => (pointer[0] ?? 0) / (1 + dt));
      return own + mean([...seen, ...said]);
    });
    return this.features(values);
  }

  async decode(features: Features, { objects, points, labels, maskInput }: DecodePrompt): Promise<Decoded> {
    await this.asked("decode", objects);
    const values = valuesOf(features);
    const cells = SIDE * SIDE;
    const masks = new Float32Array(objects * 4 * cells);
    const pointers = new Float32Array(objects * 16);
    for (let i = 0; i < objects; i++) {
      const value = values[i % values.length] ?? 0;
      const said = (points[i * 2] ?? 0) * (labels[i] === -1 ? 0 : 0.1) + (maskInput?.[0] ?? 0) * 0.01;
      for (let k = 0; k < 4 * cells; k++) masks[i * 4 * cells + k] = Math.sin(value + said + k) * 4;
      pointers.fill(value + said, i * 16, (i + 1) * 16);
    }
    const ious = Float32Array.from({ length: objects * 4 }, (_, k) => 0.5 + 0.1 * (k % 4));
    return { objects, side: SIDE, masks, ious, presence: new Float32Array(objects).fill(3), pointers };
  }

  async remember(
    features: Features,
    masks: Float32Array,
    side: number,
    binarize: Float32Array,
  ): Promise<Memory[]> {
    await this.asked("remember", binarize.length);
    const [own = 0] = valuesOf(features);
    return Array.from(binarize, (sharp, i) => {
      const logits = masks.subarray(i * side * side, (i + 1) * side * side);
      const seen = mean(Array.from(logits, (v) => (sharp ? Math.sign(v) : Math.max(-1, Math.min(1, v)))));
      return this.tensor({ values: [own * 0.1 + seen] }) as unknown as Memory;
    });
  }

  async unconditioned(features: Features): Promise<Features> {
    return this.features(valuesOf(features).map((value) => value - 1));
  }

  toArrays(): Promise<FeatureArrays> {
    throw new Error("not asked for");
  }

  async fromArrays({ imageEmbed }: FeatureArrays): Promise<Features> {
    return this.features([imageEmbed.data[0] ?? 0]);
  }

  async dispose(): Promise<void> {}

  private async asked(verb: string, objects: number): Promise<void> {
    this.log.push(`${verb} ${objects}`);
    await Promise.resolve();
    await this.during(verb);
  }

  private features(values: readonly number[]): Features {
    return this.tensor({ values }) as unknown as Features;
  }

  private tensor(toy: Toy): Toy & { dispose(): void } {
    this.live += 1;
    this.most = Math.max(this.most, this.live);
    let disposed = false;
    const engine = this;
    return {
      get values() {
        if (disposed) throw new Error("used after it was disposed");
        return toy.values;
      },
      dispose() {
        if (disposed) throw new Error("disposed twice");
        disposed = true;
        engine.live -= 1;
      },
    };
  }
}

const valuesOf = (features: Features): readonly number[] => (features as unknown as Toy).values;
const scalarOf = (memory: Memory): number => (memory as unknown as Toy).values[0] ?? 0;
const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

export function toyReader(count: number, isStill = false): Reader {
  const at = async (index: number): Promise<Pixels> => {
    const data = new Uint8ClampedArray(SIZE.width * SIZE.height * 4).fill(index * 3);
    return { ...SIZE, data };
  };
  return { size: SIZE, count, isStill, at, nextInRun: at };
}

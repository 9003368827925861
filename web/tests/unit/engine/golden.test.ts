import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { checkGolden, difference, type Golden, inputArray, parseGolden } from "@/engine/golden";
import { parseGraphs } from "@/engine/graphs";

const folder = new URL("../../../../fixtures/graphs/test-conv/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder));
const graphs = parseGraphs(read("graphs.json").toString(), "graphs.json");
const text = read("golden.json").toString();
let golden: Golden;

beforeAll(() => {
  golden = parseGolden(text, read("golden.bin"), graphs);
});

/** Outputs that agree with the sample, but for one number that is off by `by` of the largest. */
function answers(by: number) {
  return async ({ outputs }: Golden["cases"][number]) => {
    const found: Record<string, Float32Array> = {};
    for (const [name, { shape, step, sample, largest }] of Object.entries(outputs)) {
      const array = new Float32Array(shape.reduce((a, b) => a * b, 1));
      sample.forEach((value, i) => {
        array[i * step] = value;
      });
      array[step] = (array[step] ?? 0) + by * largest;
      found[name] = array;
    }
    return found;
  };
}

describe("golden answers", () => {
  it("has a case for each graph, with every input", () => {
    expect(golden.cases.map((each) => each.graph).sort()).toEqual(Object.keys(graphs.graphs).sort());
    const decoder = golden.cases.find((each) => each.graph === "mask_decoder");
    expect(Object.keys(decoder?.inputs ?? {})).toEqual(
      graphs.graphs.mask_decoder.inputs.map((each) => each.name),
    );
  });

  it("makes noise as Python does", () => {
    // splitmask.engine.golden.noise((4,), 7, 2.0)
    expect([...inputArray({ shape: [4], seed: 7, amplitude: 2 })]).toEqual([
      0.27268338203430176, 0.7308938503265381, -1.4215340614318848, 0.24909615516662598,
    ]);
  });

  it("lets pass what is right, and refuses what is wrong or no number", async () => {
    await checkGolden(golden, answers(0));
    await checkGolden(golden, answers(golden.tolerance * 0.5));
    await expect(checkGolden(golden, answers(golden.tolerance * 2))).rejects.toThrow(
      /computes wrongly.*off by/,
    );
    await expect(checkGolden(golden, answers(Number.NaN))).rejects.toMatchObject({ code: "provider.failed" });
  });

  it("compares with every step-th number", () => {
    const expected = { shape: [4], step: 3, largest: 10, sample: new Float32Array([1, 4]) };
    expect(difference(new Float32Array([1, 99, 99, 5]), expected)).toBeCloseTo(0.1, 6);
    expect(difference(new Float32Array(3), expected)).toBe(Number.POSITIVE_INFINITY);
  });

  it("leaves out the cases of other files, and refuses samples cut short", () => {
    const other = {
      ...graphs,
      graphs: { mask_decoder: { ...graphs.graphs.mask_decoder, sha256: "0".repeat(64) } },
    };
    expect(parseGolden(text, read("golden.bin"), other).cases).toEqual([]);
    expect(() => parseGolden(text, read("golden.bin").subarray(0, 100), graphs)).toThrow(/cut short/);
    expect(() => parseGolden("{}", read("golden.bin"), graphs)).toThrow(/golden.json is damaged/);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SplitmaskError } from "@/core/errors";
import { bytesOf, parseGraphs } from "@/engine/graphs";

const path = new URL("../../../../fixtures/graphs/test-conv/graphs.json", import.meta.url);
const text = readFileSync(path, "utf8");

type Loose = Record<string, unknown>;
function changed(
  change: (root: Loose & { graphs: Record<string, Loose>; constants: Loose }) => void,
): string {
  const root = JSON.parse(text);
  change(root);
  return JSON.stringify(root);
}

function refusal(content: string): string {
  try {
    parseGraphs(content, "m/graphs.json");
  } catch (error) {
    expect(error).toBeInstanceOf(SplitmaskError);
    expect((error as SplitmaskError).code).toBe("model.unfit");
    return (error as SplitmaskError).message;
  }
  throw new Error("was accepted");
}

describe("parseGraphs", () => {
  it("reads what Python wrote", () => {
    const { preset, graphs, constants, noMemEmbed, memoryShape } = parseGraphs(text, "m/graphs.json");
    expect(preset).toEqual({ name: "test-conv", imageSize: 64, dim: 32, numMemories: 7, maxPointers: 16 });
    expect(Object.keys(graphs)).toHaveLength(4);
    expect([constants.noObjPtr.length, noMemEmbed.length, constants.maskDownsampleWeight.length]).toEqual([
      32, 32, 16,
    ]);
    expect(memoryShape).toEqual([16, 2, 2]);
  });

  it("reads a decoder alone", () => {
    const alone = changed(({ graphs }) => {
      for (const name of ["image_encoder", "memory_encoder", "memory_attention"]) delete graphs[name];
    });
    const set = parseGraphs(alone, "m/graphs.json");
    expect(set.memoryShape).toBeNull();
    expect(bytesOf(set)).toBe(set.graphs.mask_decoder.bytes);
  });

  it("reads a decoder from elsewhere, which tells too little to track", () => {
    const foreign = changed((root) => {
      const decoder = root.graphs.mask_decoder as { outputs: unknown[] };
      decoder.outputs = decoder.outputs.slice(0, 2);
      root.masks = 3;
      root.points = 8;
    });
    expect(parseGraphs(foreign, "m/graphs.json")).toMatchObject({ masks: 3, points: 8, memoryShape: null });
  });

  it.each<[string, string, RegExp]>([
    ["no JSON", "<html>", /not JSON/],
    [
      "another format",
      changed((root) => {
        root.format = "onnx";
      }),
      /format/,
    ],
    [
      "a later version",
      changed((root) => {
        root.version = 2;
      }),
      /version 2, this page reads 1/,
    ],
    [
      "a path for a file",
      changed(({ graphs }) => {
        (graphs.mask_decoder as Loose).file = "../x.onnx";
      }),
      /mask_decoder\.file/,
    ],
    [
      "no decoder",
      changed(({ graphs }) => {
        delete graphs.mask_decoder;
      }),
      /mask_decoder/,
    ],
    [
      "a tensor too few",
      changed(({ graphs }) => {
        ((graphs.mask_decoder as Loose).inputs as unknown[]).pop();
      }),
      /has_mask_input/,
    ],
    [
      "a vector too short",
      changed(({ constants }) => {
        (constants.noObjPtr as unknown[]).pop();
      }),
      /noObjPtr has 31/,
    ],
  ])("refuses %s, saying where", (_, content, message) => {
    expect(refusal(content)).toMatch(message);
  });
});

import { strToU8, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { DISPLAY, EMPTY_DOC, type StudioDoc } from "@/state/document";
import { pack, unpack } from "@/state/projects/archive";
import { promptsOf } from "@/state/projects/result";

const RESULT = JSON.stringify({
  prompts: [
    { frame: 3, object: 2, points: [[1.5, 2]], labels: [1], box: null, mask: null },
    { frame: 4, object: 2, points: [], labels: [], box: [0, 1, 5, 6], mask: { size: [2, 2], counts: "112" } },
  ],
});

const DOC: StudioDoc = {
  ...EMPTY_DOC,
  name: "Trip",
  order: ["c1"],
  clips: {
    c1: {
      ...{ id: "c1", name: "a.mp4", kind: "video", sha256: "ab", nextObject: 3, prompts: {} },
      objects: [{ id: 2, name: "Dog", color: "#5AB1FE", visible: false, combine: "subtract" }],
      display: { ...DISPLAY, feather: 7 },
      range: [2, 9],
    },
  },
};

describe("a project as a file", () => {
  it("comes back as it was, with its media", async () => {
    const media = new File([Uint8Array.of(1, 2, 3)], "a.mp4");
    const blob = await pack(DOC, new Map([["c1", { result: RESULT, media }]]));
    const { name, clips } = await unpack(blob);
    expect(name).toBe("Trip");
    expect(clips[0]?.clip).toMatchObject({ id: "c1", range: [2, 9], objects: DOC.clips.c1?.objects });
    expect(clips[0]?.clip.display.feather).toBe(7);
    expect(clips[0]?.result).toBe(RESULT);
    expect(new Uint8Array((await clips[0]?.media?.arrayBuffer()) ?? new ArrayBuffer(0))).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });

  it("may leave the media behind", async () => {
    const { clips } = await unpack(await pack(DOC, new Map([["c1", { result: RESULT, media: null }]])));
    expect(clips[0]?.media).toBeNull();
  });

  it.each([
    ["no zip", Uint8Array.of(1, 2, 3), /not a zip/],
    ["no project.json", zipSync({ "a.txt": strToU8("a") }), /no project.json/],
    ["no JSON", zipSync({ "project.json": strToU8("{") }), /not JSON/],
    ["another format", zipSync({ "project.json": strToU8(`{"format":"x"}`) }), /format/],
  ])("says what is wrong: %s", async (_what, bytes, message) => {
    await expect(unpack(new Blob([bytes as Uint8Array<ArrayBuffer>]))).rejects.toThrow(message);
  });

  it("names a result that is missing", async () => {
    const clip = {
      id: "c1",
      name: "a",
      kind: "image",
      sha256: "",
      result: "results/c1/result.json",
      objects: [],
    };
    const json = { format: "splitmask.project", version: 1, name: "x", clips: [clip] };
    const bytes = zipSync({ "project.json": strToU8(JSON.stringify(json)) }) as Uint8Array<ArrayBuffer>;
    await expect(unpack(new Blob([bytes]))).rejects.toThrow(/results\/c1\/result.json is missing/);
  });

  it("gives the document its prompts", () => {
    const prompts = promptsOf(RESULT);
    expect(prompts["2@3"]).toEqual({ points: [{ x: 1.5, y: 2 }], labels: [1], box: null, mask: null });
    expect(prompts["2@4"]?.box).toEqual([0, 1, 5, 6]);
    expect(prompts["2@4"]?.mask?.counts).toEqual(Uint32Array.of(1, 1, 2));
  });
});

import { describe, expect, it } from "vitest";
import type { StagePoint } from "@/core/types";
import { sentence, textOf, titleOf } from "@/state/notices";
import { pinchOf } from "@/ui/stage/navigate";

describe("messages", () => {
  it("begin with a capital, but for a file's name", () => {
    expect(sentence("the disk is full")).toBe("The disk is full");
    expect(sentence("a.mp4 is empty")).toBe("a.mp4 is empty");
    expect(sentence("https://x is off")).toBe("https://x is off");
  });

  it("say what is wrong, where and what to do, and end once", () => {
    expect(titleOf({ code: "media.broken", message: "" })).toBe("The file is damaged");
    expect(textOf({ code: "media.broken", message: "a.mp4 is cut short" })).toBe(
      "a.mp4 is cut short. Try another copy of the file.",
    );
    expect(textOf({ code: "network", message: "the server is off." })).toBe("The server is off.");
  });
});

describe("two fingers", () => {
  it("have a middle and a spread, never none", () => {
    const at = (x: number, y: number) => ({ x, y }) as StagePoint;
    expect(pinchOf([at(0, 0), at(6, 8)])).toMatchObject({ middle: { x: 3, y: 4 }, spread: 10 });
    expect(pinchOf([at(2, 2), at(2, 2)]).spread).toBe(1);
  });
});

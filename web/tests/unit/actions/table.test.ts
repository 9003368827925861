import { describe, expect, it } from "vitest";
import { findAction, type KeyPress, matches, spelled } from "@/actions/keys";
import { ACTIONS, action } from "@/actions/table";
import { rank } from "@/ui/dialogs/Palette";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  ...{ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false },
  ...more,
});

describe("the table of actions", () => {
  it("has one action of each name", () => {
    expect(new Set(ACTIONS.map((each) => each.name)).size).toBe(ACTIONS.length);
  });

  it("gives no key to two actions of one scope", () => {
    const taken = ACTIONS.flatMap((each) =>
      (each.keys ?? []).map((keys) => `${each.scope ?? "page"} ${keys}`),
    );
    expect(taken.filter((keys, i) => taken.indexOf(keys) !== i)).toEqual([]);
  });

  it("names what is asked for by name", () => {
    expect(action("edit.undo").label).toBe("Undo");
    expect(() => action("no.such")).toThrow(/no.such/);
  });
});

describe("keys", () => {
  it("tell Ctrl from ⌘ by the machine", () => {
    expect(matches("mod+z", press("z", { ctrlKey: true }), false)).toBe(true);
    expect(matches("mod+z", press("z", { ctrlKey: true }), true)).toBe(false);
    expect(matches("mod+z", press("z", { metaKey: true }), true)).toBe(true);
    expect(matches("z", press("z", { ctrlKey: true }), false)).toBe(false);
  });

  it("take shift into account for letters, and not for signs that need it", () => {
    expect(matches("shift+f", press("F", { shiftKey: true }), false)).toBe(true);
    expect(matches("f", press("F", { shiftKey: true }), false)).toBe(false);
    expect(matches("?", press("?", { shiftKey: true }), false)).toBe(true);
    expect(matches("+", press("+", { shiftKey: true }), false)).toBe(true);
    expect(matches("Space", press(" "), false)).toBe(true);
  });

  it("mean the stage's or the timeline's action where these have the focus", () => {
    const left = press("ArrowLeft");
    expect(findAction(ACTIONS, left, "stage", false)?.name).toBe("stage.left");
    expect(findAction(ACTIONS, left, "timeline", false)?.name).toBe("timeline.back");
    expect(findAction(ACTIONS, left, "page", false)).toBeNull();
    expect(findAction(ACTIONS, press(" "), "stage", false)?.name).toBe("play.toggle");
  });

  it("are spelled as on the keyboard", () => {
    expect(spelled("mod+shift+z", false)).toEqual(["Ctrl", "Shift", "Z"]);
    expect(spelled("mod+shift+z", true)).toEqual(["⌘", "⇧", "Z"]);
    expect(spelled("+", false)).toEqual(["+"]);
  });
});

describe("finding a command", () => {
  it("wants every word, and likes beginnings", () => {
    expect(rank("prop forw", "Propagate forward")).toBeGreaterThan(0);
    expect(rank("xyz", "Propagate forward")).toBe(-1);
    expect(rank("for", "Propagate forward")).toBeGreaterThan(rank("war", "Propagate forward"));
    expect(rank("", "Anything")).toBe(0);
  });
});

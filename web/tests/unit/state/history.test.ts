import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply, diff, invert, join } from "@/state/delta";
import { createHistory } from "@/state/history";

const plain = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.string(), fc.constant(null), tie("list"), tie("record")),
  list: fc.array(tie("value"), { maxLength: 4 }),
  record: fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), tie("value"), { maxKeys: 4 }),
}));
// records as the studio has them: with Object's own prototype
const record = plain.record.map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

describe("differences of documents", () => {
  it("lead from one to the other and back", () => {
    fc.assert(
      fc.property(record, record, (before, after) => {
        const delta = diff(before, after);
        expect(apply(before, delta)).toEqual(after);
        expect(apply(after, invert(delta))).toEqual(before);
      }),
    );
  });

  it("join to one that says the same", () => {
    fc.assert(
      fc.property(record, record, record, (a, b, c) => {
        const both = join(diff(a, b), diff(b, c), a);
        expect(apply(a, both)).toEqual(c);
        expect(apply(c, invert(both))).toEqual(a);
      }),
    );
  });

  it("are empty where nothing changed, and small where little did", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, { value: i }]));
    expect(diff(many, { ...many })).toEqual([]);
    expect(diff(many, { ...many, k7: { value: -1 } })).toEqual([
      { path: ["k7", "value"], before: 7, after: -1 },
    ]);
  });

  it("keep typed arrays whole", () => {
    const [a, b] = [Uint32Array.of(1, 2), Uint32Array.of(3)];
    const delta = diff({ counts: a }, { counts: b });
    expect(delta).toEqual([{ path: ["counts"], before: a, after: b }]);
    expect(apply({ counts: a }, delta).counts).toBe(b);
  });
});

describe("history", () => {
  it("undoes and redoes step by step", () => {
    const history = createHistory({ n: 0 });
    for (const n of [1, 2, 3]) history.change(`to ${n}`, () => ({ n }));
    expect(history.undo()?.label).toBe("to 3");
    expect(history.doc()).toEqual({ n: 2 });
    expect(history.redo()?.label).toBe("to 3");
    expect(history.doc()).toEqual({ n: 3 });
    expect(history.redo()).toBeNull();
  });

  it("makes one step of a gesture, until it is sealed", () => {
    const history = createHistory({ x: 0 });
    for (const x of [1, 2, 3]) history.change("drag", () => ({ x }), { merge: "drag" });
    expect(history.store.getState().past).toHaveLength(1);
    history.seal();
    history.change("drag", () => ({ x: 9 }), { merge: "drag" });
    expect(history.store.getState().past).toHaveLength(2);
    history.undo();
    expect(history.doc()).toEqual({ x: 3 });
    history.undo();
    expect(history.doc()).toEqual({ x: 0 });
  });

  it("forgets what was undone once something else is done, and keeps no empty step", () => {
    const history = createHistory({ x: 0 });
    history.change("one", () => ({ x: 1 }));
    history.undo();
    history.change("nothing", (doc) => ({ ...doc }));
    expect(history.store.getState().past).toHaveLength(0);
    expect(history.redo()?.label).toBe("one");
    history.undo();
    history.change("two", () => ({ x: 2 }));
    expect(history.redo()).toBeNull();
  });

  it("leads back through any sequence of changes", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), (docs) => {
        const history = createHistory<Record<string, unknown>>({});
        for (const doc of docs) history.change("change", () => doc);
        while (history.undo() !== null);
        expect(history.doc()).toEqual({});
        while (history.redo() !== null);
        expect(history.doc()).toEqual(docs.at(-1) ?? {});
      }),
    );
  });
});

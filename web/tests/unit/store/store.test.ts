import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHalf, toHalf } from "@/core/half";
import { encodeLogits } from "@/core/rle";
import type { Output } from "@/session/choice";
import type { TrackState } from "@/session/track";
import { type BlockFile, MemoryFile } from "@/store/file";
import { Log } from "@/store/log";
import { ResultStore } from "@/store/store";
import { memoryFiles, memoryStore } from "./memory";

const SIZE = { width: 9, height: 7 };

function output(seed: number, side = 4): Output {
  const logits = Float32Array.from({ length: side * side }, (_, i) => Math.sin(seed * 7 + i) * 5);
  const pointer = Float32Array.of(seed, seed / 3, -seed);
  return { logits, side, pointer, score: seed / 10, presence: Math.fround(seed - 2.3) };
}

test("every half is itself again", () => {
  const halves = Array.from({ length: 65_536 }, (_, half) => half).filter(
    (half) => !Number.isNaN(fromHalf(half)),
  );
  expect(halves.filter((half) => toHalf(fromHalf(half)) !== half)).toEqual([]);
  expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
});

test("a number goes to the nearest half", () => {
  fc.assert(
    fc.property(fc.float({ min: -70_000, max: 70_000, noNaN: true }), (value) => {
      const half = toHalf(value);
      const off = Math.abs(fromHalf(half) - value);
      if (Math.abs(value) >= 65_520) {
        expect(fromHalf(half)).toBe(Math.sign(value) * Number.POSITIVE_INFINITY);
        return;
      }
      const magnitude = half & 0x7fff;
      for (const beside of [magnitude - 1, magnitude + 1]) {
        if (beside >= 0 && beside < 0x7c00) {
          expect(off).toBeLessThanOrEqual(Math.abs(fromHalf(beside) - Math.abs(value)));
        }
      }
    }),
  );
});

test("what is put is got again: logits to half precision, the rest exactly", () => {
  const store = memoryStore(SIZE);
  const given = output(3);
  store.put(1, 5, given, false);
  const found = store.get(1, 5) as Output;
  expect({ ...found, logits: null }).toEqual({ ...given, logits: null });
  found.logits.forEach((logit, i) => {
    expect(Math.abs(logit - (given.logits[i] as number))).toBeLessThan(0.003);
  });
  expect(store.mask(1, 5)).toEqual(encodeLogits(given.logits, 4, SIZE));
  expect(store.kept(1, 5)).toMatchObject({ direction: false, score: 0.3 });
  expect([store.get(1, 6), store.pointer(2, 5), store.mask(1, 4)]).toEqual([null, null, null]);
});

test("the newest counts, and what is dropped is gone, after a reload as well", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files);
  store.put(1, 0, output(1), null);
  store.put(1, 0, output(2), null);
  store.put(1, 1, output(3), true);
  store.put(2, 0, output(4), null);
  store.drop(1, 1);
  store.drop(2);
  for (const each of [store, memoryStore(SIZE, files)]) {
    expect(each.get(1, 0)?.score).toBe(0.2);
    expect([each.get(1, 1), each.get(2, 0)]).toEqual([null, null]);
  }
});

test("wherever the file is torn, all but the last record is there, and it goes on from there", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files);
  store.put(1, 0, output(1), null);
  const whole = files[0].size();
  store.put(1, 1, output(2), false);
  const end = files[0].size();
  for (let cut = whole; cut < end; cut++) {
    const torn: [MemoryFile, MemoryFile] = [copyOf(files[0], cut), new MemoryFile()];
    const again = memoryStore(SIZE, torn);
    expect([again.get(1, 0)?.score, again.get(1, 1)]).toEqual([0.1, null]);
    again.put(1, 1, output(5), false);
    expect(memoryStore(SIZE, torn).get(1, 1)?.score).toBe(0.5);
  }
});

test("a byte that has changed costs no more than its own record", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files);
  store.put(1, 0, output(1), null);
  const at = files[0].size() - 5;
  store.put(1, 1, output(2), false);
  files[0].write(at, Uint8Array.of(1, 2, 3));
  const again = memoryStore(SIZE, files);
  expect([again.get(1, 0), again.get(1, 1)?.score]).toEqual([null, 0.2]);
});

test("results of another file under the same name are not shown", () => {
  const files = memoryFiles();
  memoryStore(SIZE, files).put(1, 0, output(1), null);
  expect(new ResultStore(new Log(files, "somebody else"), SIZE).get(1, 0)).toBeNull();
});

test("of another model the mask is left, as logits of this one's side, and no pointer", () => {
  const files = memoryFiles();
  memoryStore(SIZE, files).put(1, 0, output(1), null);
  const other = memoryStore(SIZE, files);
  other.use("ffffffff", 6);
  const found = other.get(1, 0) as Output;
  expect([found.side, found.logits.length, found.pointer.length]).toEqual([6, 36, 0]);
  expect(new Set(found.logits)).toEqual(new Set([10, -10]));
  expect(other.pointer(1, 0)).toBeNull();
});

test("past the cap the oldest logits go; masks, pointers and states stay", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files, 12_000);
  const state: TrackState = {
    object: 1,
    prompted: [],
    tracked: { forward: [[0, 60]], reverse: [] },
    stale: { forward: [[3, 5]], reverse: [] },
  };
  for (let t = 0; t < 60; t++) store.put(1, t, output(t, 16), false);
  store.saveState(state);
  for (let t = 60; t < 90; t++) store.put(1, t, output(t, 16), false);
  expect(store.bytes).toBeLessThanOrEqual(24_000);
  for (const each of [store, memoryStore(SIZE, files, 12_000)]) {
    const tens = (t: number) => new Set((each.get(1, t) as Output).logits.map(Math.abs));
    expect(tens(0)).toEqual(new Set([10]));
    expect(tens(89).size).toBeGreaterThan(10);
    for (let t = 0; t < 90; t++) {
      expect(each.mask(1, t)).toEqual(encodeLogits(output(t, 16).logits, 16, SIZE));
      expect(each.pointer(1, t)?.[0]).toBe(t);
    }
    const tracked = { ...state.tracked, forward: [[0, 90]] };
    expect(each.states()).toEqual([{ ...state, tracked }]);
  }
});

test("a crash while the files are changed over loses nothing", () => {
  for (let most = 0; most < 40; most++) {
    const files = memoryFiles();
    const store = memoryStore(SIZE, files);
    for (let t = 0; t < 12; t++) store.put(1, t, output(t), false);
    const budget = { writes: most };
    const failing = files.map((file) => new FailingFile(file, budget)) as unknown as [BlockFile, BlockFile];
    try {
      const doomed = new ResultStore(new Log(failing, "owner"), SIZE, 100); // over its cap at once
      doomed.use("00000001", 4);
      doomed.put(1, 12, output(12), false);
    } catch (error) {
      expect(String(error)).toMatch(/the tab is gone|storage is full/);
    }
    const again = memoryStore(SIZE, files);
    for (let t = 0; t < 12; t++) expect(again.kept(1, t)?.score).toBe(t / 10);
  }
});

test("where storage is full it says so, and what was there stays usable", () => {
  const files = memoryFiles();
  memoryStore(SIZE, files).put(1, 0, output(1), null);
  const budget = { writes: 0 };
  const full = files.map((file) => new FailingFile(file, budget)) as unknown as [BlockFile, BlockFile];
  const store = memoryStore(SIZE, full);
  expect(() => store.put(1, 1, output(2), false)).toThrow(/storage is full/);
  expect([store.get(1, 0)?.score, store.get(1, 1)]).toEqual([0.1, null]);
  budget.writes = 9;
  store.put(1, 1, output(2), false);
  expect(store.get(1, 1)?.score).toBe(0.2);
});

test("marks stay when the files are changed over", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files, 1000);
  store.mark({ object: null, frame: 3 }, true);
  store.mark({ object: 1, frame: 4 }, true);
  store.mark({ object: 1, frame: 4 }, false);
  store.mark({ object: 1, frame: 5 }, true);
  for (let t = 0; t < 60; t++) store.put(1, t % 4, output(t), false);
  expect(store.bytes).toBeLessThan(1500);
  const marks = [
    { object: null, frame: 3 },
    { object: 1, frame: 5 },
  ];
  expect([store.marks(), memoryStore(SIZE, files).marks()]).toEqual([marks, marks]);
});

test("states come back with their prompts, masks among them", () => {
  const files = memoryFiles();
  const store = memoryStore(SIZE, files);
  store.put(1, 4, output(1), null);
  const mask = store.mask(1, 4);
  const state: TrackState = {
    object: 1,
    prompted: [
      {
        frame: 4,
        prompt: { points: [{ x: 1.5, y: 2 }], labels: [1], box: [0, 0, 3, 4], mask: null },
        direction: true,
      },
      { frame: 6, prompt: { points: [], labels: [], box: null, mask }, direction: null },
    ],
    tracked: { forward: [[5, 6]], reverse: [[0, 4]] },
    stale: { forward: [], reverse: [[1, 2]] },
  };
  store.saveState(state);
  expect(memoryStore(SIZE, files).states()).toEqual([state]);
});

function copyOf(file: MemoryFile, bytes: number): MemoryFile {
  const data = new Uint8Array(bytes);
  file.read(0, data);
  const copy = new MemoryFile();
  copy.write(0, data);
  return copy;
}

/** Goes on for so many writes, truncations included, and then fails at each. */
class FailingFile implements BlockFile {
  private readonly file: MemoryFile;
  private readonly budget: { writes: number };

  constructor(file: MemoryFile, budget: { writes: number }) {
    this.file = file;
    this.budget = budget;
  }

  size = () => this.file.size();
  read = (at: number, into: Uint8Array) => this.file.read(at, into);
  flush = () => this.file.flush();
  close = () => this.file.close();

  write(at: number, bytes: Uint8Array): void {
    this.spend();
    this.file.write(at, bytes);
  }

  truncate(size: number): void {
    if (this.budget.writes > 0) this.spend();
    else return; // a file can be made shorter where storage is full
    this.file.truncate(size);
  }

  private spend(): void {
    if (this.budget.writes <= 0) throw new Error("the tab is gone");
    this.budget.writes -= 1;
  }
}

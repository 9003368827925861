import fc from "fast-check";
import { expect, test } from "vitest";
import type { Prompt } from "@/core/types";
import { Bin } from "@/session/bin";
import type { RunOptions } from "@/session/run";
import type { RunStep } from "@/session/video";
import { VideoSession } from "@/session/video";
import { memoryFiles, memoryStore } from "../store/memory";
import { SIZE, ToyEngine, toyReader } from "./toy";

const FORWARD = { reverse: false, redo: false, leadIn: false };
const BACKWARD = { ...FORWARD, reverse: true };

const point = (x: number, y = 4): Prompt => ({ points: [{ x, y }], labels: [1], box: null, mask: null });

function open(count = 30, files = memoryFiles()) {
  const engine = new ToyEngine();
  const session = new VideoSession(toyReader(count), memoryStore(SIZE, files));
  session.use(engine);
  return { engine, session, files };
}

async function run(
  session: VideoSession,
  start: number | null = null,
  maxFrames: number | null = null,
  options: RunOptions = FORWARD,
  onStep: (step: RunStep) => void = () => {},
): Promise<{ frames: number[]; end: string }> {
  const steps = session.propagate(start, maxFrames, options);
  const frames: number[] = [];
  for (;;) {
    const next = await steps.next();
    if (next.done) return { frames, end: next.value };
    frames.push(next.value.masks.frame);
    onStep(next.value);
  }
}

const from = (a: number, b: number) => Array.from({ length: b - a }, (_, i) => a + i);

test("a run goes from the first prompt to the end, all objects in one call of each verb", async () => {
  const { engine, session } = open(10);
  await session.addPrompt(1, 3, point(2));
  await session.addPrompt(2, 3, point(7));
  engine.log.length = 0;
  const seen: number[] = [];
  const { frames, end } = await run(session, null, null, FORWARD, (step) => seen.push(step.total));
  expect([frames, end, seen[0]]).toEqual([from(4, 10), "done", 6]);
  const once = ["encode 1", "recall 2", "decode 2", "remember 2"];
  expect(engine.log).toEqual(["remember 2", ...from(4, 10).flatMap(() => once)]); // the prompted frame was held
});

test("maxFrames counts what was worked on, and the next run goes on from there", async () => {
  const { session } = open(20);
  await session.addPrompt(1, 0, point(2));
  expect((await run(session, null, 5)).frames).toEqual(from(1, 6));
  expect((await run(session, null, 5)).frames).toEqual(from(6, 11));
  expect((await run(session)).frames).toEqual(from(11, 20));
  expect((await run(session)).frames).toEqual([]);
});

test("a run ends before the frame that it is told to stop at, whatever was done before", async () => {
  const { session } = open(20);
  await session.addPrompt(1, 8, point(2));
  await run(session, null, 2);
  expect((await run(session, null, null, { ...FORWARD, stop: 14 })).frames).toEqual(from(11, 14));
  expect((await run(session, null, null, { ...FORWARD, stop: 14 })).frames).toEqual([]);
  expect((await run(session, 15, null, { ...FORWARD, stop: 14 })).frames).toEqual([]);
  expect((await run(session, null, null, { ...BACKWARD, stop: 4 })).frames).toEqual([7, 6, 5]);
});

test("backward, too", async () => {
  const { session } = open(12);
  await session.addPrompt(1, 8, point(2));
  expect((await run(session, null, null, BACKWARD)).frames).toEqual(from(0, 8).toReversed());
});

test("a correction makes stale what follows from it, and only that is run again", async () => {
  const { session } = open(20);
  await session.addPrompt(1, 0, point(2));
  await session.addPrompt(2, 0, point(6));
  await run(session);
  const untouched = session.masks(15).masks[1];
  const decided = await session.addPrompt(1, 10, point(9));
  expect(decided?.stale).toEqual([[11, 20]]);
  expect((await run(session)).frames).toEqual(from(11, 20));
  expect(session.stale(1)).toEqual([]);
  expect(session.masks(15).masks[1]).toEqual(untouched);
});

test("stop ends the run after the frame it is on; what is done is kept", async () => {
  const { session } = open(20);
  await session.addPrompt(1, 0, point(2));
  const { frames, end } = await run(session, null, null, FORWARD, ({ done }) => {
    if (done === 4) session.stop();
  });
  expect([frames, end]).toEqual([from(1, 5), "stopped"]);
  expect(session.frames()).toEqual(from(0, 5));
});

test("tensors are few in mid-run and none once the session lets go", async () => {
  const { engine, session } = open(60);
  await session.addPrompt(1, 0, point(2));
  await session.addPrompt(2, 20, point(6));
  await run(session);
  await run(session, null, null, BACKWARD);
  expect(engine.most).toBeLessThan(40);
  session.release();
  expect(engine.live).toBe(0);
});

test("a click in mid-run is answered before the run's next verb, however many verbs it takes", async () => {
  const { engine, session } = open(20);
  await session.addPrompt(1, 0, point(2));
  await session.addPrompt(2, 0, point(5));
  let clicked: Promise<unknown> | null = null;
  engine.during = (verb) => {
    if (verb !== "recall" || clicked !== null) return;
    engine.log.length = 0;
    clicked = session.addPrompt(3, 15, point(9));
  };
  await run(session, null, 3);
  await clicked;
  expect(engine.log.slice(0, 3)).toEqual(["encode 1", "decode 1", "decode 2"]); // the last one is the run's
});

test("a crash in mid-run loses nothing: what was stale and has been run again is fresh", async () => {
  const { session, files } = open(20);
  await session.addPrompt(1, 0, point(2));
  await run(session);
  await session.addPrompt(1, 5, point(9));
  const steps = session.propagate(null, null, FORWARD);
  for (let i = 0; i < 4; i++) await steps.next();
  const again = new VideoSession(toyReader(20), memoryStore(SIZE, files));
  expect(again.frames()).toEqual(from(0, 20));
  expect(again.stale(1)).toEqual([[10, 20]]);
  for (const t of from(0, 20)) expect(again.masks(t)).toEqual(session.masks(t));
});

test("what somebody may still read is disposed when nobody does", async () => {
  const bin = new Bin();
  const disposed: string[] = [];
  const thing = (name: string) => ({ dispose: () => void disposed.push(name) });
  await bin.during(async () => {
    bin.add(thing("a"));
    await bin.during(async () => bin.add(thing("b")));
    expect(disposed).toEqual([]);
  });
  bin.add(thing("c"));
  expect(disposed).toEqual(["a", "b", "c"]);
});

test("what a click has overtaken in mid-step is not kept, and the frame is done again", async () => {
  const { engine, session } = open(6);
  await session.addPrompt(1, 0, point(2));
  const calm = open(6);
  await calm.session.addPrompt(1, 0, point(2));
  await calm.session.addPrompt(1, 0, point(11));
  await run(calm.session);
  let clicked: Promise<unknown> | null = null;
  engine.during = (verb) => {
    if (verb === "recall") clicked ??= session.addPrompt(1, 0, point(11));
  };
  await run(session);
  await clicked;
  expect(session.stale(1)).toEqual([]);
  for (const t of from(0, 6)) expect(session.masks(t)).toEqual(calm.session.masks(t));
});

test("of two clicks at once the older one is dropped, and changes nothing", async () => {
  const { engine, session } = open();
  const older = session.addPrompt(1, 0, point(2), () => true);
  const newer = session.addPrompt(1, 0, point(9), () => false);
  expect(await older).toBeNull();
  expect((await newer)?.mask.prompted).toBe(true);
  expect(engine.log).toEqual(["encode 1", "decode 1"]);
});

test("clicks on a frame that is held encode nothing", async () => {
  const { session } = open();
  for (const x of from(0, 10)) await session.addPrompt(1, 5, point(x));
  expect(session.encodes).toBe(1);
  expect(await session.preview(5, point(3), () => false)).not.toBeNull();
  expect(await session.preview(6, point(3), () => false)).toBeNull();
  expect(session.encodes).toBe(1);
});

test("another model goes on from the masks of the one before", async () => {
  const { engine, session } = open(20);
  await session.addPrompt(1, 0, point(2));
  await run(session, null, 8);
  const other = new ToyEngine("12345678");
  session.use(other);
  expect(engine.live).toBe(0);
  expect((await run(session, null, 3)).frames).toEqual(from(9, 12));
  expect(other.log.filter((verb) => verb.startsWith("remember")).length).toBeGreaterThan(3); // memories made anew
});

test("without the last prompt the object and its masks are gone", async () => {
  const { engine, session } = open(10);
  await session.addPrompt(1, 0, point(2));
  await run(session);
  await session.removePrompt(1, 0);
  expect([session.objects, session.frames()]).toEqual([[], []]);
  session.release();
  expect(engine.live).toBe(0);
  await expect(session.removePrompt(1, 0)).rejects.toThrow(/no object 1/);
});

test("what does not fit is refused: a frame, a prompt, a run without prompts", async () => {
  const { session } = open(10);
  await expect(session.addPrompt(1, 10, point(2))).rejects.toThrow(/frame 10 does not exist/);
  await expect(session.addPrompt(1, 0, point(99))).rejects.toThrow(/outside the frame/);
  await expect(run(session)).rejects.toThrow(/click an object/);
  expect(session.objects).toEqual([]);
});

test("a picture is answered by the policy for images, and cannot be tracked further", async () => {
  const engine = new ToyEngine();
  const session = new VideoSession(toyReader(1, true), memoryStore(SIZE));
  session.use(engine);
  const first = await session.addPrompt(1, 0, point(2));
  const box: Prompt = { points: [{ x: 2, y: 4 }], labels: [1], box: [1, 1, 9, 7], mask: null };
  const second = await session.addPrompt(1, 0, box);
  expect(second?.mask.rle).not.toEqual(first?.mask.rle);
  expect((await run(session)).frames).toEqual([]);
});

const operation = fc.oneof(
  fc.record({
    kind: fc.constant("click" as const),
    object: fc.integer({ min: 1, max: 3 }),
    frame: fc.nat(14),
    x: fc.nat(11),
  }),
  fc.record({
    kind: fc.constant("run" as const),
    reverse: fc.boolean(),
    frames: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant("unsay" as const), pick: fc.nat(5) }),
  fc.record({ kind: fc.constant("forget" as const), object: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("release" as const) }),
);

test("whatever is done: nothing leaks, nothing is used after its end, and a reload finds all of it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 14 }), async (operations) => {
      const { engine, session, files } = open(15);
      for (const each of operations) {
        const prompts = session.prompts;
        if (each.kind === "click") await session.addPrompt(each.object, each.frame, point(each.x));
        else if (each.kind === "run" && prompts.length > 0) {
          await run(session, null, each.frames, { ...FORWARD, reverse: each.reverse });
        } else if (each.kind === "unsay" && prompts.length > 0) {
          const { object, frame } = prompts[each.pick % prompts.length] as (typeof prompts)[number];
          await session.removePrompt(object, frame);
        } else if (each.kind === "forget" && session.objects.includes(each.object)) {
          await session.removeObject(each.object);
        } else if (each.kind === "release") {
          session.release();
          session.use(engine);
        }
      }
      const before = { prompts: session.prompts, frames: session.frames() };
      session.release();
      expect(engine.live).toBe(0);
      const again = new VideoSession(toyReader(15), memoryStore(SIZE, files));
      const byObject = (prompts: typeof before.prompts) => prompts.toSorted((a, b) => a.object - b.object);
      expect(byObject(again.prompts)).toEqual(byObject(before.prompts));
      expect(again.frames()).toEqual(before.frames);
      const sorted = (t: number, of: VideoSession) =>
        of.masks(t).masks.toSorted((a, b) => a.object - b.object);
      for (const t of before.frames) expect(sorted(t, again)).toEqual(sorted(t, session));
      for (const object of session.objects) expect(again.stale(object)).toEqual(session.stale(object));
    }),
    { numRuns: 60 },
  );
});

/** A bundle's objects: what is fed to the decoder, and what comes back when a correction is taken back. */

import { expect, test } from "vitest";
import type { Prompt } from "@/core/types";
import type { FeatureArrays } from "@/engine/base";
import type { Given, Reader } from "@/media/source";
import { clampFeedback } from "@/session/choice";
import { VideoSession } from "@/session/video";
import { memoryFiles, memoryStore } from "../store/memory";
import { SIZE, ToyEngine, toyReader } from "./toy";

const point = (...at: readonly number[]): Prompt => ({
  points: at.map((x) => ({ x, y: 4 })),
  labels: at.map(() => 1 as const),
  box: null,
  mask: null,
});
const array = (value: number) => ({ dims: [1, 8, 1, 1], data: Float32Array.of(value) });
const LOGITS = Float32Array.from({ length: 16 }, (_, k) => (k === 0 ? 60 : k < 8 ? 5 : -5));
const TOLD = { score: 0.9, presence: 4, side: 4, logits: LOGITS };

const given = (object: number, edit: Partial<Given> = {}): Given => ({
  ...{ object, name: `thing ${object}`, color: "#112233" },
  ...{ embed: array(0.7), mask: TOLD, prompt: null, ...edit },
});

function open(objects: readonly Given[], files = memoryFiles()) {
  const engine = new ToyEngine();
  const asked: { embed: number; fed: number | null; points: number }[] = [];
  const decode = engine.decode.bind(engine);
  engine.decode = (features, prompt) => {
    const [embed = Number.NaN] = (features as unknown as { values: number[] }).values;
    asked.push({ embed, fed: prompt.maskInput?.[0] ?? null, points: prompt.labels.length });
    return decode(features, prompt);
  };
  const features = async (): Promise<FeatureArrays> => ({
    ...{ imageEmbed: array(0.5), highRes0: array(0), highRes1: array(0) },
  });
  const reader: Reader = { ...toyReader(1), features, given: objects };
  const session = new VideoSession(reader, memoryStore(SIZE, files));
  return { engine, session, asked, files };
}

const counts = (session: VideoSession) =>
  Object.fromEntries(session.masks(0).masks.map(({ object, rle }) => [object, [...rle.counts]]));

test("masks are there without an engine; those of no logits are not", () => {
  const { session } = open([
    given(1),
    given(2, { mask: null }),
    given(5, { mask: { ...TOLD, presence: -3 } }),
  ]);
  expect(session.objects).toEqual([1, 5]);
  expect(session.masks(0).masks.map(({ presence, prompted }) => [presence, prompted])).toEqual([
    [4, false],
    [-3, false],
  ]);
});

test("a click is decoded from the object's own features and fed with its mask, clamped", async () => {
  const { engine, session, asked } = open([given(1), given(2, { embed: null, mask: null })]);
  session.use(engine);
  await session.addPrompt(1, 0, point(2));
  await session.addPrompt(2, 0, point(2));
  await session.addPrompt(9, 0, point(2));
  const near = (value: number) => expect.closeTo(value, 5) as number;
  expect(asked).toEqual([
    { embed: near(0.7), fed: clampFeedback(LOGITS)[0], points: 1 },
    { embed: near(0.5), fed: null, points: 1 },
    { embed: near(0.5), fed: null, points: 1 },
  ]);
  expect(session.stale(1)).toEqual([]);
  session.release();
  expect(engine.live).toBe(0);
});

test("the next click is fed with the last answer, one in place of it again with the bundle's mask", async () => {
  const { engine, session, asked } = open([given(1)]);
  session.use(engine);
  await session.addPrompt(1, 0, point(2));
  await session.addPrompt(1, 0, point(2, 5));
  await session.addPrompt(1, 0, point(7));
  expect(asked.map(({ fed }) => fed === 32)).toEqual([true, false, true]);
  expect(asked[1]?.fed).not.toBeNull();
});

test("what the bundle says was said is added to; taken back it is answered by the bundle", async () => {
  const { engine, session, asked } = open([given(1, { prompt: point(3) })]);
  const before = counts(session);
  session.use(engine);
  expect(session.prompts).toEqual([{ object: 1, frame: 0, prompt: point(3) }]);
  await session.addPrompt(1, 0, point(3, 6));
  expect(asked).toEqual([{ embed: expect.closeTo(0.7, 5), fed: 32, points: 2 }]);
  expect(counts(session)).not.toEqual(before);
  await session.addPrompt(1, 0, point(3));
  expect([asked.length, counts(session)]).toEqual([1, before]);
  await session.addPrompt(1, 0, point(8)); // nothing of what was said is left, so nothing is fed
  expect(asked[1]?.fed).toBeNull();
});

test("without a prompt the object is as it came; removed, it stays away", async () => {
  const { engine, session, files } = open([given(1), given(2)]);
  const before = counts(session);
  session.use(engine);
  await session.addPrompt(1, 0, point(11));
  expect(counts(session)).not.toEqual(before);
  await session.removePrompt(1, 0);
  expect(counts(session)).toEqual(before);
  await session.addPrompt(1, 0, point(11));
  await session.removeObject(2);
  const again = open([given(1), given(2)], files);
  expect(again.session.objects).toEqual([1]);
  expect(counts(again.session)).toEqual(counts(session));
  again.session.use(again.engine);
  await again.session.addPrompt(1, 0, point(4));
  expect(again.asked[0]?.fed).toBe(32);
});

/**
 * The difference of two plain documents, small enough to keep hundreds of them.
 *
 * Documents share what did not change, so equal branches are found by identity and cost nothing. Arrays of one
 * length are compared item by item, others are kept whole; anything that is not a plain object or array (masks
 * in typed arrays) is a leaf.
 */

type Key = string | number;

export interface Change {
  readonly path: readonly Key[];
  readonly before: unknown; // ABSENT: the key was not there
  readonly after: unknown;
}

export type Delta = readonly Change[];

export const ABSENT = Symbol("absent");

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

export function diff(before: unknown, after: unknown, path: readonly Key[] = []): Delta {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, i) => diff(item, after[i], [...path, i]));
  }
  if (isPlain(before) && isPlain(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => diff(field(before, key), field(after, key), [...path, key]));
  }
  return [{ path, before, after }];
}

export function apply<T>(doc: T, delta: Delta): T {
  return delta.reduce<T>((now, change) => set(now, change.path, change.after) as T, doc);
}

export function invert(delta: Delta): Delta {
  return delta.map(({ path, before, after }) => ({ path, before: after, after: before })).reverse();
}

/** Two deltas in a row as one: what changed there and back drops out. */
export function join(first: Delta, second: Delta, start: unknown): Delta {
  return diff(start, apply(apply(start, first), second));
}

function field(value: Plain, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : ABSENT;
}

function set(value: unknown, path: readonly Key[], leaf: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return leaf;
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? set(item, rest, leaf) : item));
  const plain = value as Plain;
  if (rest.length === 0 && leaf === ABSENT) {
    const { [key]: _gone, ...others } = plain;
    return others;
  }
  return { ...plain, [key]: set(plain[key], rest, leaf) };
}

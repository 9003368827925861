/** Keys as the table writes them: `mod+shift+z`, `?`, `ArrowLeft`, `[`. `mod` is ⌘ on a Mac, Ctrl elsewhere. */

import type { Action, Scope } from "./types";

export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

interface Chord {
  readonly key: string;
  readonly mod: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

export function parseKeys(keys: string): Chord {
  const parts = keys === "+" ? ["+"] : keys.split("+");
  const key = parts.at(-1) ?? "";
  return { key, mod: parts.includes("mod"), shift: parts.includes("shift"), alt: parts.includes("alt") };
}

/** Letters match either way; of signs such as `?` the shift key is part of the sign, wherever it is needed. */
export function matches(keys: string, press: KeyPress, mac: boolean): boolean {
  const chord = parseKeys(keys);
  const mod = mac ? press.metaKey : press.ctrlKey;
  const other = mac ? press.ctrlKey : press.metaKey;
  if (other || mod !== chord.mod || press.altKey !== chord.alt) return false;
  if (press.key.toLowerCase() !== (chord.key === "Space" ? " " : chord.key.toLowerCase())) return false;
  const isSign = chord.key.length === 1 && !/[a-z0-9]/i.test(chord.key);
  return isSign ? chord.shift === false || press.shiftKey : press.shiftKey === chord.shift;
}

export function findAction(
  actions: readonly Action[],
  press: KeyPress,
  scope: Scope,
  mac: boolean,
): Action | null {
  const fits = (action: Action) => action.keys?.some((keys) => matches(keys, press, mac)) ?? false;
  const own = scope === "page" ? undefined : actions.find((each) => each.scope === scope && fits(each));
  return own ?? actions.find((each) => (each.scope ?? "page") === "page" && fits(each)) ?? null;
}

const NAMES: Record<string, string> = {
  Space: "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  Enter: "↵",
  Backspace: "⌫",
  Delete: "Del",
};

/** For people: ["Ctrl", "Shift", "Z"], or ["⌘", "⇧", "Z"]. */
export function spelled(keys: string, mac: boolean): string[] {
  const { key, mod, shift, alt } = parseKeys(keys);
  const name = NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  return [
    ...(mod ? [mac ? "⌘" : "Ctrl"] : []),
    ...(alt ? [mac ? "⌥" : "Alt"] : []),
    ...(shift ? [mac ? "⇧" : "Shift"] : []),
    name,
  ];
}

export function isMac(): boolean {
  return /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
}

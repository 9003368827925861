/** Everything a person can do, once. */

import { Info, Keyboard } from "lucide-react";
import type { Studio } from "@/state/studio";
import { EDIT } from "./edit";
import { FILE } from "./file";
import { PLAY } from "./play";
import { SEGMENT } from "./segment";
import type { Action } from "./types";
import { VIEW } from "./view";

const HELP: readonly Action[] = [
  {
    name: "help.shortcuts",
    label: "Keyboard shortcuts",
    menu: "Help",
    group: 1,
    icon: Keyboard,
    keys: ["?"],
    perform: ({ live }) => live.setState({ dialog: "shortcuts" }),
  },
  {
    name: "help.about",
    label: "About splitmask",
    menu: "Help",
    group: 1,
    icon: Info,
    perform: ({ live }) => live.setState({ dialog: "about" }),
  },
];

export const ACTIONS: readonly Action[] = [...FILE, ...EDIT, ...VIEW, ...SEGMENT, ...PLAY, ...HELP];

const BY_NAME = new Map(ACTIONS.map((each) => [each.name, each]));

export function action(name: string): Action {
  const found = BY_NAME.get(name);
  if (found === undefined) throw new Error(`no action is called ${name}`);
  return found;
}

export function isPossible(studio: Studio, each: Action): boolean {
  return each.when?.(studio) ?? true;
}

/** Nothing happens where it is not possible. */
export function perform(studio: Studio, each: Action): void {
  if (isPossible(studio, each)) void each.perform(studio);
}

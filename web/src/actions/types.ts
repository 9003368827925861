import type { LucideIcon } from "lucide-react";
import type { Studio } from "@/state/studio";

export type Menu = "File" | "Edit" | "View" | "Segment" | "Play" | "Help";
export const MENUS: readonly Menu[] = ["File", "Edit", "View", "Segment", "Play", "Help"];

/** Where a key counts: anywhere on the page, or only while the stage or the timeline has the focus. */
export type Scope = "page" | "stage" | "timeline";

/** Something a person can do. Menu, shortcuts, palette and the shortcuts sheet all read the same table. */
export interface Action {
  readonly name: string; // "edit.undo": never changes
  readonly label: string;
  readonly menu: Menu;
  readonly group: number; // lines in the menu divide groups
  readonly icon: LucideIcon;
  readonly keys?: readonly string[]; // "mod+z": the first is shown
  readonly scope?: Scope; // "page" if not said
  readonly hidden?: boolean; // not in the menus: keys only
  /** A label that says more at the moment: "Undo add point". */
  title?(studio: Studio): string;
  when?(studio: Studio): boolean;
  checked?(studio: Studio): boolean;
  perform(studio: Studio): unknown;
}

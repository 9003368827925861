/** Keys of the whole page, from the table of actions. */

import { findAction, isMac } from "@/actions/keys";
import { ACTIONS, perform } from "@/actions/table";
import type { Scope } from "@/actions/types";
import type { Studio } from "@/state/studio";

/** Where a key belongs to what has the focus and not to the page. */
const OWN = "input, textarea, select, [contenteditable], [role=menu], [role=dialog], [role=menubar]";
const PRESSABLE = "button, a, [role=switch]";
const MOVABLE = "[role=slider], [role=tab], [role=radio]";
const PRESSES = ["Enter", " "];
const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

export function listenToKeys(studio: Studio): () => void {
  const mac = isMac();
  const hear = (event: KeyboardEvent) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const typing = target.closest(OWN) !== null;
    if (event.defaultPrevented || (typing && !(event.ctrlKey || event.metaKey))) return;
    if (isItsOwn(target, event.key)) return;
    const found = findAction(ACTIONS, event, scopeOf(target), mac);
    if (found === null || (typing && !found.keys?.some((keys) => keys.startsWith("mod+")))) return;
    if (typing && ["mod+z", "mod+shift+z", "mod+y"].some((keys) => found.keys?.includes(keys))) return;
    event.preventDefault();
    perform(studio, found);
  };
  window.addEventListener("keydown", hear);
  return () => window.removeEventListener("keydown", hear);
}

/** Keys that press or move what has the focus; the playhead is moved by the table. */
function isItsOwn(target: Element, key: string): boolean {
  if (target.closest("[data-scope=timeline] [aria-label=Playhead]") !== null) return false;
  const isMovable = target.closest(MOVABLE) !== null;
  if (PRESSES.includes(key)) return isMovable || target.closest(PRESSABLE) !== null;
  return MOVES.includes(key) && isMovable;
}

function scopeOf(target: Element): Scope {
  const scope = target.closest<HTMLElement>("[data-scope]")?.dataset.scope;
  return scope === "stage" || scope === "timeline" ? scope : "page";
}

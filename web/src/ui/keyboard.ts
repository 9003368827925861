/** Keys of the whole page, from the table of actions. */

import { findAction, isMac } from "@/actions/keys";
import { ACTIONS, perform } from "@/actions/table";
import type { Scope } from "@/actions/types";
import type { Studio } from "@/state/studio";

/** Where a key belongs to what has the focus and not to the page. */
const OWN = "input, textarea, select, [contenteditable], [role=menu], [role=dialog], [role=menubar]";
const PRESSABLE = "button, [role=slider], [role=switch], [role=tab], [role=radio], a";

export function listenToKeys(studio: Studio): () => void {
  const mac = isMac();
  const hear = (event: KeyboardEvent) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const typing = target.closest(OWN) !== null;
    if (event.defaultPrevented || (typing && !(event.ctrlKey || event.metaKey))) return;
    const pressable = target.closest(PRESSABLE) !== null;
    if (
      pressable &&
      ["Enter", " ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)
    ) {
      if (target.closest("[data-scope=timeline] [aria-label=Playhead]") === null) return;
    }
    const found = findAction(ACTIONS, event, scopeOf(target), mac);
    if (found === null || (typing && !found.keys?.some((keys) => keys.startsWith("mod+")))) return;
    if (typing && ["mod+z", "mod+shift+z", "mod+y"].some((keys) => found.keys?.includes(keys))) return;
    event.preventDefault();
    perform(studio, found);
  };
  window.addEventListener("keydown", hear);
  return () => window.removeEventListener("keydown", hear);
}

function scopeOf(target: Element): Scope {
  const scope = target.closest<HTMLElement>("[data-scope]")?.dataset.scope;
  return scope === "stage" || scope === "timeline" ? scope : "page";
}

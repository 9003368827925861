/** Dark, light, or as the system says; the document's element carries the one in force. */

import type { Theme } from "@/state/live";
import type { Studio } from "@/state/studio";

const KEY = "splitmask.theme";

export function storedTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "dark" || kept === "light" ? kept : "system";
}

export function setTheme(studio: Studio, theme: Theme): void {
  if (theme === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  studio.live.setState({ theme });
  applyTheme(theme);
}

export function applyTheme(theme: Theme): void {
  const light = matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = theme === "system" ? (light ? "light" : "dark") : theme;
}

/** Follows the system while nothing else was chosen. */
export function followSystem(studio: Studio): void {
  applyTheme(studio.live.getState().theme);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
    applyTheme(studio.live.getState().theme);
  });
}

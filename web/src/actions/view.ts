import {
  Command,
  Contrast,
  Eraser,
  Ghost,
  Layers,
  Maximize,
  Scissors,
  Sparkles,
  SunMoon,
  Video,
  ZoomIn,
  ZoomOut,
} from "lucide-react";
import type { Size, StagePoint } from "@/core/types";
import { fitScale, zoomAt } from "@/render/view";
import type { Display, MaskView } from "@/state/document";
import { changeClip, currentClip, currentInfo, type Studio } from "@/state/studio";
import { setTheme } from "@/state/theme";
import type { Action } from "./types";

const has = (studio: Studio) => currentInfo(studio) !== null;

export function changeDisplay(studio: Studio, label: string, edit: Partial<Display>): void {
  changeClip(studio, label, (clip) => ({ ...clip, display: { ...clip.display, ...edit } }), label);
}

function view(which: MaskView, label: string, icon: Action["icon"], key: string): Action {
  return {
    ...{ name: `view.${which}`, label, menu: "View", group: 2, icon, keys: [key], when: has },
    checked: (studio) => currentClip(studio)?.display.view === which,
    perform: (studio) => changeDisplay(studio, `Show ${which}`, { view: which }),
  };
}

/** About the middle of a stage of a size that does not matter there. */
function zoom(studio: Studio, factor: number): void {
  const info = currentInfo(studio);
  if (info === null) return;
  const stage: Size = studio.live.getState().stage;
  const { zoom: now } = studio.live.getState();
  const middle = { x: stage.width / 2, y: stage.height / 2 } as StagePoint;
  studio.live.setState({ zoom: zoomAt(info, stage, now, factor, middle) });
}

function actualSize(studio: Studio): void {
  const info = currentInfo(studio);
  if (info === null) return;
  const { zoom: now, stage } = studio.live.getState();
  const scale = now?.scale ?? fitScale(info, stage);
  zoom(studio, 1 / devicePixelRatio / scale);
}

function dock(tab: "segment" | "media", label: string, icon: Action["icon"], key: string): Action {
  return {
    ...{ name: `view.${tab}`, label, menu: "View", group: 1, icon, keys: [key] },
    checked: ({ live }) => live.getState().dockOpen && live.getState().dock === tab,
    perform: ({ live }) => {
      const { dock: now, dockOpen } = live.getState();
      live.setState({ dock: tab, dockOpen: now !== tab || !dockOpen });
    },
  };
}

export const VIEW: readonly Action[] = [
  dock("segment", "AI Segment", Sparkles, "shift+a"),
  dock("media", "Media", Video, "shift+m"),
  view("overlay", "Overlay", Layers, "1"),
  view("cutout", "Cutout", Scissors, "2"),
  view("erase", "Erase", Eraser, "3"),
  {
    name: "view.invert",
    label: "Invert the mask",
    menu: "View",
    group: 2,
    icon: Contrast,
    keys: ["i"],
    when: has,
    checked: (studio) => currentClip(studio)?.display.invert ?? false,
    perform: (studio) => {
      const now = currentClip(studio)?.display.invert ?? false;
      changeDisplay(studio, now ? "Do not invert" : "Invert", { invert: !now });
    },
  },
  {
    name: "view.hover",
    label: "Preview under the pointer",
    menu: "View",
    group: 2,
    icon: Ghost,
    keys: ["h"],
    checked: ({ live }) => live.getState().hoverPreview,
    perform: ({ live }) => live.setState({ hoverPreview: !live.getState().hoverPreview, hover: null }),
  },
  {
    name: "view.zoomin",
    label: "Zoom in",
    menu: "View",
    group: 3,
    icon: ZoomIn,
    keys: ["+", "="],
    when: has,
    perform: (studio) => zoom(studio, 1.5),
  },
  {
    name: "view.zoomout",
    label: "Zoom out",
    menu: "View",
    group: 3,
    icon: ZoomOut,
    keys: ["-"],
    when: has,
    perform: (studio) => zoom(studio, 1 / 1.5),
  },
  {
    name: "view.fit",
    label: "Fit",
    menu: "View",
    group: 3,
    icon: Maximize,
    keys: ["0"],
    when: has,
    perform: ({ live }) => live.setState({ zoom: null }),
  },
  {
    name: "view.actual",
    label: "Actual pixels",
    menu: "View",
    group: 3,
    icon: Maximize,
    keys: ["9"],
    when: has,
    perform: actualSize,
  },
  {
    name: "view.theme",
    label: "Light or dark",
    menu: "View",
    group: 4,
    icon: SunMoon,
    keys: ["shift+t"],
    perform: (studio) =>
      setTheme(studio, document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  },
  {
    name: "view.palette",
    label: "Find a command…",
    menu: "View",
    group: 4,
    icon: Command,
    keys: ["mod+k", "mod+shift+p"],
    perform: ({ live }) => live.setState({ dialog: "palette" }),
  },
];

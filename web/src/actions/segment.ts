import {
  ArrowBigLeftDash,
  ArrowBigRightDash,
  Brush,
  Circle,
  CircleDot,
  Cpu,
  Crosshair,
  Gauge,
  MinusCircle,
  MousePointer2,
  Move,
  Plus,
  PlusCircle,
  Repeat2,
  Square,
  Wand2,
  Zap,
} from "lucide-react";
import { clampTo } from "@/render/view";
import { setProvider } from "@/state/models";
import { addPoint, autoDetect, newObject } from "@/state/prompting";
import { currentClip, currentInfo, type Studio, say } from "@/state/studio";
import { propagate, stopRun } from "@/state/tracking";
import type { Provider } from "@/worker/contract";
import type { Action } from "./types";

const has = (studio: Studio) => currentInfo(studio) !== null;
const ready = (studio: Studio) => has(studio) && studio.live.getState().model?.status === "ready";
const isClip = (studio: Studio) => currentInfo(studio)?.kind === "video";
const canRun = (studio: Studio) => {
  const some = (currentClip(studio)?.objects.length ?? 0) > 0;
  return ready(studio) && isClip(studio) && some && studio.live.getState().run === null;
};

function setActive(studio: Studio, active: boolean): void {
  studio.live.setState({ active, hover: null, ...(active ? {} : { crosshair: null }) });
  say(studio, active ? "Segmenting: click includes, right click excludes" : "Segmenting is off");
}

/** Escape ends one thing at a time: the run, then the crosshair. */
function cease(studio: Studio): unknown {
  const { run, active, crosshair } = studio.live.getState();
  if (run !== null) return stopRun(studio);
  if (crosshair !== null) studio.live.setState({ crosshair: null });
  else if (active) setActive(studio, false);
  return null;
}

function nextObject(studio: Studio): void {
  const objects = currentClip(studio)?.objects ?? [];
  const at = objects.findIndex((each) => each.id === studio.live.getState().object);
  const next = objects[(at + 1) % objects.length];
  if (next !== undefined) studio.live.setState({ object: next.id });
  if (next !== undefined) say(studio, `${next.name} is selected`);
}

function nudge(dx: number, dy: number, far: boolean): Action["perform"] {
  return (studio) => {
    const info = currentInfo(studio);
    if (info === null) return;
    const { crosshair } = studio.live.getState();
    const by = (far ? 0.1 : 0.01) * Math.min(info.width, info.height);
    const from = crosshair ?? { x: info.width / 2, y: info.height / 2 };
    const to = clampTo({ x: from.x + dx * by, y: from.y + dy * by }, info);
    studio.live.setState({ crosshair: crosshair === null ? from : to, active: true });
  };
}

function arrow(key: string, dx: number, dy: number): Action[] {
  const common = { menu: "Segment", group: 9, icon: Move, scope: "stage", hidden: true, when: has } as const;
  const way = key.replace("Arrow", "").toLowerCase();
  return [
    {
      ...common,
      name: `stage.${way}`,
      label: `Crosshair ${way}`,
      keys: [key],
      perform: nudge(dx, dy, false),
    },
    {
      ...common,
      name: `stage.${way}.far`,
      label: `Crosshair far ${way}`,
      keys: [`shift+${key}`],
      perform: nudge(dx, dy, true),
    },
  ];
}

function pointHere(label: 0 | 1): Action["perform"] {
  return (studio) => {
    const info = currentInfo(studio);
    const { crosshair } = studio.live.getState();
    if (info === null) return;
    const at = crosshair ?? { x: info.width / 2, y: info.height / 2 };
    studio.live.setState({ crosshair: at, active: true });
    addPoint(studio, at, label);
  };
}

function brushSize(factor: number): Action["perform"] {
  return ({ live }) =>
    live.setState({ brush: Math.max(2, Math.min(600, Math.round(live.getState().brush * factor))) });
}

function compute(prefer: Provider | null, on: string, icon: Action["icon"]): Action {
  const name = `segment.compute.${prefer ?? "fastest"}`;
  return {
    ...{ name, label: `Compute on ${on}`, menu: "Segment", group: 4, icon },
    checked: ({ live }) => live.getState().prefer === prefer,
    perform: (studio) => setProvider(studio, prefer),
  };
}

export const SEGMENT: readonly Action[] = [
  {
    name: "segment.activate",
    label: "Activate",
    menu: "Segment",
    group: 1,
    icon: Crosshair,
    keys: ["a"],
    when: has,
    checked: ({ live }) => live.getState().active,
    perform: (studio) => setActive(studio, !studio.live.getState().active),
  },
  {
    name: "segment.points",
    label: "Points and boxes",
    menu: "Segment",
    group: 1,
    icon: MousePointer2,
    keys: ["p"],
    when: has,
    checked: ({ live }) => live.getState().tool === "point",
    perform: ({ live }) => live.setState({ tool: "point", active: true }),
  },
  {
    name: "segment.brush",
    label: "Brush",
    menu: "Segment",
    group: 1,
    icon: Brush,
    keys: ["b"],
    when: has,
    checked: ({ live }) => live.getState().tool === "brush",
    perform: ({ live }) => live.setState({ tool: "brush", active: true, hover: null }),
  },
  {
    name: "segment.brush.smaller",
    label: "Smaller brush",
    menu: "Segment",
    group: 1,
    icon: Circle,
    keys: [";"],
    hidden: true,
    perform: brushSize(1 / 1.25),
  },
  {
    name: "segment.brush.larger",
    label: "Larger brush",
    menu: "Segment",
    group: 1,
    icon: CircleDot,
    keys: ["'"],
    hidden: true,
    perform: brushSize(1.25),
  },
  {
    name: "segment.auto",
    label: "Auto-detect",
    menu: "Segment",
    group: 2,
    icon: Wand2,
    keys: ["d"],
    when: ready,
    perform: autoDetect,
  },
  {
    name: "segment.new",
    label: "New object",
    menu: "Segment",
    group: 2,
    icon: Plus,
    keys: ["n"],
    when: has,
    perform: newObject,
  },
  {
    name: "segment.next",
    label: "Select the next object",
    menu: "Segment",
    group: 2,
    icon: Repeat2,
    keys: ["o"],
    when: (studio) => (currentClip(studio)?.objects.length ?? 0) > 1,
    perform: nextObject,
  },
  {
    name: "segment.forward",
    label: "Propagate forward",
    menu: "Segment",
    group: 3,
    icon: ArrowBigRightDash,
    keys: ["f"],
    when: canRun,
    perform: (studio) => propagate(studio, false),
  },
  {
    name: "segment.backward",
    label: "Propagate backward",
    menu: "Segment",
    group: 3,
    icon: ArrowBigLeftDash,
    keys: ["shift+f"],
    when: canRun,
    perform: (studio) => propagate(studio, true),
  },
  {
    name: "segment.stop",
    label: "Stop",
    menu: "Segment",
    group: 3,
    icon: Square,
    when: ({ live }) => live.getState().run !== null,
    perform: stopRun,
  },
  {
    name: "segment.escape",
    label: "Stop, or put the crosshair away",
    menu: "Segment",
    group: 3,
    icon: Square,
    keys: ["Escape"],
    hidden: true,
    perform: cease,
  },
  compute(null, "the fastest", Gauge),
  compute("webgpu", "WebGPU", Zap),
  compute("wasm", "the processor", Cpu),
  ...arrow("ArrowLeft", -1, 0),
  ...arrow("ArrowRight", 1, 0),
  ...arrow("ArrowUp", 0, -1),
  ...arrow("ArrowDown", 0, 1),
  {
    name: "stage.include",
    label: "Include at the crosshair",
    menu: "Segment",
    group: 9,
    icon: PlusCircle,
    scope: "stage",
    hidden: true,
    keys: ["Enter"],
    when: has,
    perform: pointHere(1),
  },
  {
    name: "stage.exclude",
    label: "Exclude at the crosshair",
    menu: "Segment",
    group: 9,
    icon: MinusCircle,
    scope: "stage",
    hidden: true,
    keys: ["shift+Enter"],
    when: has,
    perform: pointHere(0),
  },
];

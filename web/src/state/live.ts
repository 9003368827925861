/** What the page shows at this moment: not saved, not undone. */

import { createStore, type StoreApi } from "zustand/vanilla";
import type { FramePoint, Rle, Size } from "@/core/types";
import type {
  ClipId,
  ClipInfo,
  ModelEntry,
  ModelId,
  ModelState,
  ObjectStrip,
  Provider,
} from "@/worker/contract";

export type Tool = "point" | "brush";
export type DialogName =
  | "takeaway"
  | "shortcuts"
  | "palette"
  | "remote"
  | "gallery"
  | "storage"
  | "projects"
  | "about";
export type DockTab = "segment" | "media";
export type Theme = "system" | "dark" | "light";
export type Saving = "saved" | "saving" | "memory";

export interface Way {
  readonly label: string;
  readonly go: () => void;
}

export interface Notice {
  readonly id: number;
  readonly level: "info" | "success" | "warning" | "error";
  readonly title: string;
  readonly text: string;
  readonly way: Way | null;
}

/** A lasting condition at the top of the page. */
export interface Banner {
  readonly key: string;
  readonly level: "info" | "warning" | "error";
  readonly title: string;
  readonly text: string;
  readonly way: Way | null;
}

export interface Run {
  readonly clip: ClipId;
  readonly reverse: boolean;
  readonly done: number;
  readonly total: number; // 0 until the first frame is there
  readonly fps: number;
  readonly stopping: boolean;
  /** The playhead goes with the run until someone moves it. */
  readonly follow: boolean;
}

/** The stage's transform; null: the frame fits. centre: the frame's pixel in the middle. */
export interface Zoom {
  readonly scale: number; // CSS pixels per pixel of the frame
  readonly x: number;
  readonly y: number;
}

export interface Live {
  readonly projectId: string | null;
  readonly saving: Saving; // of the document
  readonly unkept: readonly ClipId[]; // whose file has found no room for the next visit
  readonly volatile: boolean; // masks of some clip are gone once the page is closed
  readonly clip: ClipId | null;
  readonly infos: Readonly<Record<ClipId, ClipInfo>>;
  readonly missing: readonly ClipId[]; // whose file has to be found again
  readonly opening: string | null; // name of the file
  readonly frame: number;
  readonly playing: boolean;
  readonly loop: boolean;
  readonly muted: boolean;
  readonly object: number | null;
  readonly active: boolean; // clicks on the stage prompt
  readonly tool: Tool;
  readonly brush: number; // px of the frame, across
  readonly brushErases: boolean;
  readonly hover: Rle | null;
  readonly hoverPreview: boolean;
  readonly crosshair: FramePoint | null; // moved by keys
  readonly pending: number; // prompts whose mask is not there yet
  readonly answer: number | null; // milliseconds of the last click
  readonly models: readonly ModelEntry[];
  readonly modelId: ModelId;
  readonly model: ModelState | null;
  readonly prefer: Provider | null; // what is to compute; null: the fastest
  readonly strips: Readonly<Record<ClipId, readonly ObjectStrip[]>>;
  readonly run: Run | null;
  readonly runLength: 150 | null; // frames; null: to the end
  readonly notices: readonly Notice[];
  readonly banners: readonly Banner[];
  readonly dialog: DialogName | null;
  readonly dock: DockTab;
  readonly dockOpen: boolean;
  readonly theme: Theme;
  readonly zoom: Zoom | null;
  readonly stage: Size; // CSS pixels
  readonly announcement: string; // for the live region
}

const INITIAL: Live = {
  projectId: null,
  saving: "saved",
  unkept: [],
  volatile: false,
  clip: null,
  infos: {},
  missing: [],
  opening: null,
  frame: 0,
  playing: false,
  loop: false,
  muted: false,
  object: null,
  active: false,
  tool: "point",
  brush: 40,
  brushErases: false,
  hover: null,
  hoverPreview: true,
  crosshair: null,
  pending: 0,
  answer: null,
  models: [],
  modelId: "nano",
  model: null,
  prefer: null,
  strips: {},
  run: null,
  runLength: 150,
  notices: [],
  banners: [],
  dialog: null,
  dock: "segment",
  dockOpen: true,
  theme: "system",
  zoom: null,
  stage: { width: 0, height: 0 },
  announcement: "",
};

/** Of all that belongs to the project. */
export function savingOf({ saving, unkept, volatile }: Live): Saving {
  return volatile || unkept.length > 0 ? "memory" : saving;
}

export function createLive(initial: Partial<Live> = {}): StoreApi<Live> {
  return createStore<Live>(() => ({ ...INITIAL, ...initial }));
}

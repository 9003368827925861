import {
  BracketsIcon,
  ChevronFirst,
  ChevronLast,
  ChevronLeft,
  ChevronRight,
  ChevronsLeft,
  ChevronsRight,
  Pause,
  Play,
  Repeat,
  SkipBack,
  SkipForward,
  Volume2,
} from "lucide-react";
import { seek, step } from "@/state/clips";
import { promptedFrames } from "@/state/document";
import { changeClip, currentClip, currentInfo, hasSound, rangeOf, type Studio } from "@/state/studio";
import type { Action } from "./types";

const isClip = (studio: Studio) => (currentInfo(studio)?.frames ?? 1) > 1;
const common = { menu: "Play", when: isClip } as const;

function setPlaying(playing: boolean | "other"): Action["perform"] {
  return ({ live }) => live.setState({ playing: playing === "other" ? !live.getState().playing : playing });
}

/** Prompted frames and jumps, of all objects: where something happens. */
function marks(studio: Studio): number[] {
  const clip = currentClip(studio);
  if (clip === null) return [];
  const prompted = clip.objects.flatMap((each) => promptedFrames(clip, each.id));
  const jumps = (studio.live.getState().strips[clip.id] ?? []).flatMap((strip) => strip.jumps);
  return [...new Set([...prompted, ...jumps])].sort((a, b) => a - b);
}

function toMark(direction: 1 | -1): Action["perform"] {
  return (studio) => {
    const { frame } = studio.live.getState();
    const all = marks(studio);
    const to = direction === 1 ? all.find((each) => each > frame) : all.findLast((each) => each < frame);
    if (to !== undefined) seek(studio, to);
  };
}

function setEnd(which: "in" | "out"): Action["perform"] {
  return (studio) => {
    const [clip, info] = [currentClip(studio), currentInfo(studio)];
    if (clip === null || info === null) return;
    const { frame } = studio.live.getState();
    const [from, until] = rangeOf(clip, info);
    const range: [number, number] =
      which === "in" ? [frame, frame < until ? until : info.frames] : [frame >= from ? from : 0, frame + 1];
    changeClip(studio, which === "in" ? "Set in" : "Set out", (now) => ({ ...now, range }));
  };
}

function toEnd(which: "in" | "out"): Action["perform"] {
  return (studio) => {
    const [clip, info] = [currentClip(studio), currentInfo(studio)];
    if (clip === null || info === null) return;
    const [from, until] = rangeOf(clip, info);
    seek(studio, which === "in" ? from : until - 1);
  };
}

export const PLAY: readonly Action[] = [
  {
    ...common,
    name: "play.toggle",
    label: "Play or pause",
    group: 1,
    icon: Play,
    keys: ["Space"],
    perform: setPlaying("other"),
  },
  {
    ...common,
    name: "play.play",
    label: "Play",
    group: 1,
    icon: Play,
    keys: ["l"],
    hidden: true,
    perform: setPlaying(true),
  },
  {
    ...common,
    name: "play.pause",
    label: "Pause",
    group: 1,
    icon: Pause,
    keys: ["k"],
    hidden: true,
    perform: setPlaying(false),
  },
  {
    ...common,
    name: "play.loop",
    label: "Loop",
    group: 1,
    icon: Repeat,
    checked: ({ live }) => live.getState().loop,
    perform: ({ live }) => live.setState({ loop: !live.getState().loop }),
  },
  {
    ...common,
    name: "play.sound",
    label: "Sound",
    group: 1,
    icon: Volume2,
    keys: ["m"],
    when: hasSound,
    checked: ({ live }) => !live.getState().muted,
    perform: ({ live }) => live.setState({ muted: !live.getState().muted }),
  },
  {
    ...common,
    name: "play.back",
    label: "One frame back",
    group: 2,
    icon: ChevronLeft,
    keys: [","],
    perform: (studio) => step(studio, -1),
  },
  {
    ...common,
    name: "play.on",
    label: "One frame on",
    group: 2,
    icon: ChevronRight,
    keys: ["."],
    perform: (studio) => step(studio, 1),
  },
  {
    ...common,
    name: "play.back10",
    label: "Ten frames back",
    group: 2,
    icon: ChevronsLeft,
    keys: ["j"],
    perform: (studio) => step(studio, -10),
  },
  {
    ...common,
    name: "play.on10",
    label: "Ten frames on",
    group: 2,
    icon: ChevronsRight,
    keys: ["shift+l"],
    perform: (studio) => step(studio, 10),
  },
  {
    ...common,
    name: "play.first",
    label: "To in",
    group: 2,
    icon: ChevronFirst,
    keys: ["Home"],
    perform: toEnd("in"),
  },
  {
    ...common,
    name: "play.last",
    label: "To out",
    group: 2,
    icon: ChevronLast,
    keys: ["End"],
    perform: toEnd("out"),
  },
  {
    ...common,
    name: "play.mark.back",
    label: "Previous prompt or jump",
    group: 3,
    icon: SkipBack,
    keys: ["{", "PageUp"],
    perform: toMark(-1),
  },
  {
    ...common,
    name: "play.mark.on",
    label: "Next prompt or jump",
    group: 3,
    icon: SkipForward,
    keys: ["}", "PageDown"],
    perform: toMark(1),
  },
  {
    ...common,
    name: "play.in",
    label: "Set in",
    group: 4,
    icon: BracketsIcon,
    keys: ["["],
    perform: setEnd("in"),
  },
  {
    ...common,
    name: "play.out",
    label: "Set out",
    group: 4,
    icon: BracketsIcon,
    keys: ["]"],
    perform: setEnd("out"),
  },
  {
    ...common,
    name: "play.whole",
    label: "Clear in and out",
    group: 4,
    icon: BracketsIcon,
    when: (studio) => (currentClip(studio)?.range ?? null) !== null,
    perform: (studio) => changeClip(studio, "Clear in and out", (now) => ({ ...now, range: null })),
  },
  {
    ...common,
    name: "timeline.back",
    label: "One frame back",
    group: 9,
    icon: ChevronLeft,
    scope: "timeline",
    hidden: true,
    keys: ["ArrowLeft"],
    perform: (studio) => step(studio, -1),
  },
  {
    ...common,
    name: "timeline.on",
    label: "One frame on",
    group: 9,
    icon: ChevronRight,
    scope: "timeline",
    hidden: true,
    keys: ["ArrowRight"],
    perform: (studio) => step(studio, 1),
  },
  {
    ...common,
    name: "timeline.back10",
    label: "Ten frames back",
    group: 9,
    icon: ChevronsLeft,
    scope: "timeline",
    hidden: true,
    keys: ["shift+ArrowLeft"],
    perform: (studio) => step(studio, -10),
  },
  {
    ...common,
    name: "timeline.on10",
    label: "Ten frames on",
    group: 9,
    icon: ChevronsRight,
    scope: "timeline",
    hidden: true,
    keys: ["shift+ArrowRight"],
    perform: (studio) => step(studio, 10),
  },
];

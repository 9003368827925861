/** The panels: at the side of the page, or as a sheet at its foot on a phone. */

import { ArrowRight, ChevronDown, ChevronUp, Plus, Sparkles, Square, Video } from "lucide-react";
import { Tabs } from "radix-ui";
import { useRef, useState } from "react";
import { action, isPossible, perform } from "@/actions/table";
import type { DockTab } from "@/state/live";
import { stopRun } from "@/state/tracking";
import { Button, cx } from "@/ui/kit";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";
import { MediaPanel } from "./MediaPanel";
import { SegmentPanel } from "./SegmentPanel";

const TABS = [
  ["segment", "AI Segment", Sparkles],
  ["media", "Media", Video],
] as const;

export function Dock() {
  return (
    <aside
      aria-label="Panels"
      data-dock
      className="flex w-(--dock) shrink-0 flex-col border-l border-line bg-panel"
    >
      <Panels />
    </aside>
  );
}

function Panels() {
  const studio = useStudio();
  const dock = useLive((live) => live.dock);
  return (
    <Tabs.Root
      value={dock}
      onValueChange={(next) => studio.live.setState({ dock: next as DockTab })}
      className="flex min-h-0 grow flex-col"
    >
      <Tabs.List aria-label="Panels" className="flex shrink-0 gap-1 border-b border-line px-2 pt-1">
        {TABS.map(([key, title, Icon]) => (
          <Tabs.Trigger
            key={key}
            value={key}
            className="touch-target flex h-10 items-center gap-2 border-b-2 border-transparent px-3 text-ink-2 outline-offset-[-2px] hover:text-ink data-[state=active]:border-marker data-[state=active]:font-semibold data-[state=active]:text-ink"
          >
            <Icon size={15} aria-hidden />
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value="segment" className="min-h-0 grow overflow-y-auto" tabIndex={-1}>
        <SegmentPanel />
      </Tabs.Content>
      <Tabs.Content value="media" className="min-h-0 grow overflow-y-auto" tabIndex={-1}>
        <MediaPanel />
      </Tabs.Content>
    </Tabs.Root>
  );
}

/** What a thumb reaches: the next step at the foot, everything else one pull away. */
export function Sheet() {
  const [open, setOpen] = useState(false);
  const from = useRef<number | null>(null);
  return (
    <aside
      aria-label="Panels"
      className="flex shrink-0 flex-col border-t border-line bg-panel"
      data-sheet={open ? "open" : "closed"}
    >
      <div
        className="relative flex h-14 touch-none items-center gap-2 px-3"
        onPointerDown={(event) => {
          from.current = event.clientY;
        }}
        onPointerUp={(event) => {
          const moved = event.clientY - (from.current ?? event.clientY);
          if (Math.abs(moved) > 24) setOpen(moved < 0);
        }}
      >
        <span className="absolute top-1 left-1/2 h-1 w-9 -translate-x-1/2 rounded-full bg-edge" aria-hidden />
        <NextStep />
        <Button
          look="quiet"
          icon={open ? ChevronDown : ChevronUp}
          aria-expanded={open}
          className="ml-auto"
          onClick={() => setOpen(!open)}
        >
          Panel
        </Button>
      </div>
      <div
        className={cx(
          "flex flex-col overflow-hidden transition-[height] duration-200",
          open ? "h-[46dvh]" : "h-0 invisible",
        )}
      >
        <Panels />
      </div>
    </aside>
  );
}

function NextStep() {
  const studio = useStudio();
  const info = useInfo();
  useClip();
  const [run] = useLive((live) => [live.run, live.model?.status, live.object] as const);
  if (run !== null) {
    return (
      <>
        <Button icon={Square} disabled={run.stopping} onClick={() => void stopRun(studio)}>
          {run.stopping ? "Stopping" : "Stop"}
        </Button>
        <span className="tabular text-ink-2">
          {run.total > 0 ? `${run.done} / ${run.total}` : "Starting"}
        </span>
      </>
    );
  }
  const forward = action("segment.forward");
  return (
    <>
      <Button icon={Plus} disabled={info === null} onClick={() => perform(studio, action("segment.new"))}>
        New
      </Button>
      {info?.kind === "video" && (
        <Button
          look="primary"
          disabled={!isPossible(studio, forward)}
          onClick={() => perform(studio, forward)}
        >
          Forward
          <ArrowRight size={15} aria-hidden />
        </Button>
      )}
    </>
  );
}

import { memo } from "react";
import { type ClipDoc, setRange } from "@/state/document";
import { changeClip, rangeOf } from "@/state/studio";
import { clock } from "@/state/timecode";
import { useStudio } from "@/ui/studio";
import type { ClipInfo } from "@/worker/contract";
import { frameUnder, left, type Scale, tickStep } from "./scale";

/** Times along the track, with in and out. */
export const Ruler = memo(function Ruler({
  info,
  clip,
  scale,
}: {
  info: ClipInfo;
  clip: ClipDoc;
  scale: Scale;
}) {
  const step = tickStep(scale, 74);
  const ticks = Array.from({ length: Math.ceil(info.frames / step) }, (_, i) => i * step);
  const [from, until] = rangeOf(clip, info);
  return (
    <div className="relative h-6" style={{ width: scale.width }}>
      <div
        className="absolute bottom-0 h-[3px] rounded-full bg-marker"
        style={{
          left: left(scale, from),
          width: left(scale, until) - left(scale, from),
          opacity: clip.range === null ? 0.25 : 1,
        }}
        aria-hidden
      />
      {ticks.map((frame) => (
        <span
          key={frame}
          aria-hidden
          className="tabular pointer-events-none absolute top-0 border-l border-edge pl-1 text-[11px] leading-4 text-ink-2"
          style={{ left: left(scale, frame) }}
        >
          {left(scale, frame) < scale.width - 48 ? clock(info.timestamps[frame] ?? 0) : ""}
        </span>
      ))}
      {clip.range !== null && (
        <>
          <End which="in" at={from} info={info} clip={clip} scale={scale} />
          <End which="out" at={until} info={info} clip={clip} scale={scale} />
        </>
      )}
    </div>
  );
});

interface EndProps {
  readonly which: "in" | "out";
  readonly at: number;
  readonly info: ClipInfo;
  readonly clip: ClipDoc;
  readonly scale: Scale;
}

/** A handle: dragged, or moved with the arrow keys. */
function End({ which, at, info, clip, scale }: EndProps) {
  const studio = useStudio();
  const [from, until] = rangeOf(clip, info);
  const move = (frame: number) =>
    changeClip(
      studio,
      which === "in" ? "Set in" : "Set out",
      (now) =>
        setRange(
          now,
          which === "in" ? [Math.min(frame, until - 1), until] : [from, Math.max(frame, from + 1)],
          info.frames,
        ),
      `range-${which}`,
    );
  const drag = (event: React.PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const track = event.currentTarget.parentElement?.getBoundingClientRect();
    if (track === undefined) return;
    move(frameUnder(scale, event.clientX - track.left) + (which === "out" ? 1 : 0));
  };
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={which === "in" ? "In" : "Out"}
      aria-valuemin={1}
      aria-valuemax={info.frames}
      aria-valuenow={which === "in" ? at + 1 : at}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={drag}
      onPointerUp={() => studio.history.seal()}
      onKeyDown={(event) => {
        const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
        if (by === 0) return;
        event.stopPropagation();
        move(at + by);
      }}
      className="absolute bottom-0 z-10 h-4 w-2.5 cursor-ew-resize touch-none rounded-[3px] bg-marker"
      style={which === "in" ? { left: left(scale, at) } : { left: left(scale, at) - 10 }}
    />
  );
}

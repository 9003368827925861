/** The clip in time: scrub, in and out, and a lane for each object. */

import { Minus, Plus } from "lucide-react";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { seek } from "@/state/clips";
import { cx, IconButton } from "@/ui/kit";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";
import { Filmstrip } from "./Filmstrip";
import { Lane } from "./Lane";
import { Ruler } from "./Ruler";
import { frameUnder, middle, type Scale } from "./scale";
import { Transport } from "./Transport";

const LABELS = 152; // CSS pixels of the lanes' names
const MOST = 40; // CSS pixels a frame when zoomed in

export function Timeline() {
  const clip = useClip();
  const info = useInfo();
  const [zoom, setZoom] = useState(1);
  if (clip === null || info === null || info.frames < 2) return null;
  return (
    <section
      aria-label="Timeline"
      data-scope="timeline"
      className="flex flex-col border-t border-line bg-panel"
    >
      <Transport>
        <span className="hidden items-center lg:flex">
          <IconButton
            icon={Minus}
            label="Timeline: show more"
            disabled={zoom <= 1}
            onClick={() => setZoom(Math.max(1, zoom / 1.6))}
          />
          <IconButton
            icon={Plus}
            label="Timeline: show closer"
            onClick={() => setZoom(Math.min(400, zoom * 1.6))}
          />
        </span>
      </Transport>
      <Tracks zoom={zoom} onZoom={setZoom} />
    </section>
  );
}

function useWidth(): readonly [React.RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

function Tracks({ zoom, onZoom }: { zoom: number; onZoom: (zoom: number) => void }) {
  const studio = useStudio();
  const clip = useClip();
  const info = useInfo();
  const [view, width] = useWidth();
  const [object, strips] = useLive(
    (live) => [live.object, live.clip === null ? undefined : live.strips[live.clip]] as const,
  );
  const frames = info?.frames ?? 1;
  const scale = useMemo<Scale>(
    () => ({ frames, width: Math.max(1, Math.min(Math.max(width, frames * MOST), width * zoom)) }),
    [frames, width, zoom],
  );
  useFollow(view, scale);
  if (clip === null || info === null) return null;

  const scrub = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const track = event.currentTarget.getBoundingClientRect();
    const frame = frameUnder(scale, event.clientX - track.left);
    if (frame !== studio.live.getState().frame) seek(studio, frame);
  };
  const names = (
    <div className="hidden shrink-0 border-r border-line sm:block" style={{ width: LABELS }}>
      <div className="h-[72px]" />
      {clip.objects.map((each) => (
        <button
          key={each.id}
          type="button"
          aria-pressed={each.id === object}
          onClick={() => studio.live.setState({ object: each.id })}
          className={cx(
            "mt-1 flex h-7 w-full items-center gap-2 px-3 text-left text-xs",
            each.id === object ? "font-semibold text-ink" : "text-ink-2 hover:text-ink",
          )}
        >
          <span className="size-2.5 shrink-0 rounded-[3px]" style={{ background: each.color }} aria-hidden />
          <span className="truncate">{each.name}</span>
        </button>
      ))}
    </div>
  );
  return (
    <div className="flex max-h-[232px] min-h-0 overflow-y-auto pb-2 sm:max-h-[30vh]">
      {names}
      <div
        ref={view}
        className="relative min-w-0 grow overflow-x-auto overflow-y-hidden px-2.5 sm:px-3"
        onWheel={(event) => {
          if (event.ctrlKey || event.metaKey)
            onZoom(Math.max(1, Math.min(400, zoom * Math.exp(-event.deltaY * 0.01))));
        }}
      >
        <div
          className="relative touch-none"
          style={{ width: scale.width }}
          data-track
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            scrub(event);
          }}
          onPointerMove={scrub}
        >
          <Ruler info={info} clip={clip} scale={scale} />
          <div className="mt-1">
            <Filmstrip info={info} scale={scale} />
          </div>
          {clip.objects.map((each) => (
            <div key={each.id} className="mt-1">
              <Lane
                clip={clip}
                object={each}
                scale={scale}
                strip={strips?.find((strip) => strip.object === each.id)}
              />
            </div>
          ))}
          <Playhead scale={scale} />
        </div>
      </div>
    </div>
  );
}

/** While playing or propagating, a zoomed track scrolls along. */
function useFollow(view: React.RefObject<HTMLDivElement | null>, scale: Scale): void {
  const studio = useStudio();
  useEffect(
    () =>
      studio.live.subscribe((now, before) => {
        const element = view.current;
        if (now.frame === before.frame || element === null) return;
        const x = middle(scale, now.frame);
        const hidden = x < element.scrollLeft || x > element.scrollLeft + element.clientWidth;
        if (hidden) element.scrollLeft = x - element.clientWidth / 4;
      }),
    [studio, view, scale],
  );
}

function Playhead({ scale }: { scale: Scale }) {
  const frame = useLive((live) => live.frame);
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label="Playhead"
      aria-valuemin={1}
      aria-valuemax={scale.frames}
      aria-valuenow={frame + 1}
      aria-valuetext={`Frame ${frame + 1} of ${scale.frames}`}
      className="pointer-events-none absolute inset-y-0 left-0 z-20 w-px bg-[linear-gradient(transparent_15px,var(--ink)_15px)] will-change-transform"
      style={{ transform: `translateX(${middle(scale, frame)}px)` }}
    >
      <span className="absolute top-[15px] -left-[5px] block h-[9px] w-[11px] rounded-t-[3px] bg-ink [clip-path:polygon(0_0,100%_0,100%_55%,50%_100%,0_55%)]" />
    </div>
  );
}

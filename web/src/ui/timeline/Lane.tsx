/** One object along the clip: its strip, its prompts, its jumps. */

import { memo, useEffect, useRef } from "react";
import { seek } from "@/state/clips";
import { type ClipDoc, type ObjectDoc, promptedFrames } from "@/state/document";
import { cx } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";
import type { ObjectStrip } from "@/worker/contract";
import { middle, type Scale } from "./scale";
import { drawStrip } from "./strip";

interface LaneProps {
  readonly clip: ClipDoc;
  readonly object: ObjectDoc;
  readonly strip: ObjectStrip | undefined;
  readonly scale: Scale;
}

export const Lane = memo(function Lane({ clip, object, strip, scale }: LaneProps) {
  const studio = useStudio();
  const go = (frame: number) => {
    studio.live.setState({ object: object.id });
    seek(studio, frame);
  };
  return (
    <div className="relative h-7" data-lane={object.id} style={{ width: scale.width }}>
      <div className="absolute inset-x-0 bottom-0 h-6 rounded-md bg-raised/70" aria-hidden />
      {strip !== undefined && (
        <Strip strip={strip} scale={scale} color={object.color} dim={!object.visible} />
      )}
      {strip?.jumps.map((frame) => (
        <Mark
          key={`j${frame}`}
          x={middle(scale, frame)}
          label={`${object.name}: jump at frame ${frame + 1}`}
          onGo={() => go(frame)}
        >
          <span className="block h-6 w-[2px] bg-warn" />
          <span className="absolute top-0 size-0 border-x-4 border-t-[6px] border-x-transparent border-t-warn" />
        </Mark>
      ))}
      {promptedFrames(clip, object.id).map((frame) => (
        <Mark
          key={frame}
          x={middle(scale, frame)}
          label={`${object.name}: prompt on frame ${frame + 1}`}
          onGo={() => go(frame)}
        >
          <span
            className="block size-2.5 rounded-full border-2 border-white shadow-[0_0_0_1.5px_rgb(0_0_0/55%)]"
            style={{ background: object.color }}
          />
        </Mark>
      ))}
    </div>
  );
});

interface MarkProps {
  readonly x: number;
  readonly label: string;
  readonly onGo: () => void;
  readonly children: React.ReactNode;
}

function Mark({ x, label, onGo, children }: MarkProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      onPointerDown={(event) => event.stopPropagation()}
      onClick={onGo}
      className="absolute top-1 z-10 grid h-6 w-4 -translate-x-1/2 place-items-center"
      style={{ left: x }}
    >
      {children}
    </button>
  );
}

function Strip({
  strip,
  scale,
  color,
  dim,
}: {
  strip: ObjectStrip;
  scale: Scale;
  color: string;
  dim: boolean;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useLive((live) => live.theme);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the inks follow the theme
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const style = getComputedStyle(element);
    const inks = {
      object: color,
      away: style.getPropertyValue("--edge"),
      hatch: style.getPropertyValue("--ink"),
    };
    drawStrip(element, strip, scale, inks);
  }, [strip, scale, color, theme]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={summary(strip)}
      className={cx("absolute bottom-0 left-0 h-6 rounded-md", dim && "opacity-40")}
      style={{ width: scale.width }}
    />
  );
}

function summary(strip: ObjectStrip): string {
  const masked = strip.score.reduce((sum, each) => sum + (Number.isNaN(each) ? 0 : 1), 0);
  const away = strip.presence.reduce((sum, each) => sum + (each <= 0 ? 1 : 0), 0);
  const stale = strip.stale.reduce((sum, [from, until]) => sum + until - from, 0);
  return `Masks on ${masked} frames, out of sight on ${away}, stale on ${stale}`;
}

/** Points, boxes, crosshair and brush over the picture. */

import type { Prompt, StagePoint } from "@/core/types";
import { NO_PROMPT } from "@/core/types";
import { type Placement, place, toStage } from "@/render/view";
import { promptAt } from "@/state/document";
import { useClip, useInfo, useLive } from "@/ui/studio";

export function Marks({ brushing }: { brushing: boolean }) {
  const clip = useClip();
  const info = useInfo();
  const [frame, object, zoom, stage, active] = useLive(
    (live) => [live.frame, live.object, live.zoom, live.stage, live.active] as const,
  );
  const crosshair = useLive((live) => live.crosshair);
  if (clip === null || info === null || stage.width === 0) return null;
  const at = place(info, stage, zoom);
  const selected = clip.objects.find((each) => each.id === object);
  const prompt = selected === undefined ? NO_PROMPT : promptAt(clip, selected.id, frame);
  return (
    <svg className="pointer-events-none absolute inset-0 size-full" aria-hidden="true">
      {active && <PromptMarks prompt={prompt} at={at} color={selected?.color ?? "#fff"} />}
      {crosshair !== null && <Crosshair at={toStage(crosshair, at)} />}
      {brushing && <BrushRing scale={at.scale} />}
    </svg>
  );
}

function PromptMarks({ prompt, at, color }: { prompt: Prompt; at: Placement; color: string }) {
  const { box } = prompt;
  const corner = box === null ? null : toStage({ x: box[0], y: box[1] }, at);
  return (
    <>
      {box !== null && corner !== null && (
        <>
          <rect
            x={corner.x}
            y={corner.y}
            width={(box[2] - box[0]) * at.scale}
            height={(box[3] - box[1]) * at.scale}
            rx={2}
            fill="none"
            stroke="#000"
            strokeOpacity={0.55}
            strokeWidth={3.5}
          />
          <rect
            x={corner.x}
            y={corner.y}
            width={(box[2] - box[0]) * at.scale}
            height={(box[3] - box[1]) * at.scale}
            rx={2}
            fill="none"
            stroke={color}
            strokeWidth={1.75}
            strokeDasharray="7 4"
          />
        </>
      )}
      {prompt.points.map((point, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a point is its place in the list
        <PointMark key={i} at={toStage(point, at)} label={prompt.labels[i] ?? 1} />
      ))}
    </>
  );
}

/** A sign as well as a colour: plus is in, minus is out. */
function PointMark({ at, label }: { at: StagePoint; label: 0 | 1 }) {
  return (
    <g transform={`translate(${at.x} ${at.y})`} data-point={label}>
      <circle r={8.5} fill="#000" fillOpacity={0.45} />
      <circle r={7} fill={label === 1 ? "#1fae5f" : "#d63b3b"} stroke="#fff" strokeWidth={1.75} />
      <path
        d={label === 1 ? "M-3 0H3M0-3V3" : "M-3 0H3"}
        stroke="#fff"
        strokeWidth={1.75}
        strokeLinecap="round"
      />
    </g>
  );
}

function Crosshair({ at }: { at: StagePoint }) {
  const path = "M-22 0H-5M5 0H22M0-22V-5M0 5V22";
  return (
    <g transform={`translate(${at.x} ${at.y})`} fill="none" data-crosshair>
      <path d={path} stroke="#000" strokeOpacity={0.6} strokeWidth={4} strokeLinecap="round" />
      <path d={path} stroke="var(--marker)" strokeWidth={2} strokeLinecap="round" />
      <circle r={3} stroke="#fff" strokeWidth={1.5} />
    </g>
  );
}

/** Follows the pointer by a style property, so that moving it renders nothing. */
function BrushRing({ scale }: { scale: number }) {
  const [brush, erases] = useLive((live) => [live.brush, live.brushErases] as const);
  const radius = (brush / 2) * scale;
  return (
    <g style={{ transform: "translate(var(--pointer-x, -99px), var(--pointer-y, -99px))" }} fill="none">
      <circle r={radius + 1} stroke="#000" strokeOpacity={0.5} strokeWidth={1.5} />
      <circle r={radius} stroke={erases ? "#ff8a8a" : "#fff"} strokeWidth={1.5} />
    </g>
  );
}

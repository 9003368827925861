import { Loader2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Marks } from "@/ui/stage/Marks";
import { ZoomChip } from "@/ui/stage/StageBar";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";
import { StageGestures } from "./gestures";
import { StagePainter } from "./painter";

/** The picture in the middle of the page. */
export function Stage({ onPainter }: { onPainter: (painter: StagePainter | null) => void }) {
  const studio = useStudio();
  const host = useRef<HTMLDivElement>(null);
  const [tool, active] = useLive((live) => [live.tool, live.active] as const);
  const [inside, setInside] = useState(false);
  const info = useInfo();

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const painter = new StagePainter(studio, element);
    onPainter(painter);
    const stop = new StageGestures(studio, element, painter).listen();
    return () => {
      stop();
      painter.close();
      onPainter(null);
    };
  }, [studio, onPainter]);

  const cursor = active ? (tool === "brush" ? "none" : "crosshair") : "grab";
  return (
    <div
      ref={host}
      role="application"
      aria-label={`Stage. ${info?.name ?? ""}. Arrow keys move the crosshair, Enter includes, Shift Enter excludes.`}
      aria-describedby="stage-state"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move a crosshair on it
      tabIndex={0}
      data-scope="stage"
      onPointerEnter={() => setInside(true)}
      onPointerLeave={() => setInside(false)}
      style={{ cursor }}
      className="relative size-full touch-none overflow-hidden bg-stage outline-offset-[-3px] select-none"
    >
      <Marks brushing={inside && active && tool === "brush"} />
      <StageState />
      <ZoomChip />
      <Busy />
    </div>
  );
}

/** What a screen reader says of the picture. */
function StageState() {
  const clip = useClip();
  const info = useInfo();
  const [frame, active] = useLive((live) => [live.frame, live.active] as const);
  if (clip === null || info === null) return null;
  const where = info.frames > 1 ? `Frame ${frame + 1} of ${info.frames}. ` : "";
  const objects = clip.objects.length === 1 ? "1 object" : `${clip.objects.length} objects`;
  return (
    <p id="stage-state" className="sr-only">
      {where}
      {objects}. {active ? "Segmenting is on." : "Segmenting is off: press A."}
    </p>
  );
}

function Busy() {
  const [pending, model, opening] = useLive(
    (live) => [live.pending, live.model?.status, live.opening] as const,
  );
  const [late, setLate] = useState(false);
  const busy = opening !== null || (pending > 0 && model === "ready");
  useEffect(() => {
    setLate(false);
    if (!busy) return;
    const timer = setTimeout(() => setLate(true), 180);
    return () => clearTimeout(timer);
  }, [busy]);
  if (!busy || !late) return null;
  return (
    <div className="rise pointer-events-none absolute top-3 left-1/2 flex -translate-x-1/2 items-center gap-2 rounded-full border border-line bg-panel/95 px-3 py-1.5 text-ink-2 shadow-float">
      <Loader2 size={14} className="animate-spin text-marker-text" aria-hidden />
      {opening !== null ? `Opening ${opening}` : "Looking at the frame"}
    </div>
  );
}

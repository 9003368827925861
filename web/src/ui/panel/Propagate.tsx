/** Following an object through the clip. */

import { ArrowLeft, ArrowRight, Square } from "lucide-react";
import { action, isPossible, perform } from "@/actions/table";
import { span } from "@/state/timecode";
import { stopRun } from "@/state/tracking";
import { Button, cx, Keys, Progress, Section } from "@/ui/kit";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";

export function Propagate() {
  const studio = useStudio();
  const info = useInfo();
  useClip();
  const run = useLive((live) => live.run);
  useLive((live) => [live.model?.status, live.object]);
  if (info === null || info.kind !== "video") return null;
  if (run !== null) {
    return (
      <Section title="Propagate">
        <Running />
      </Section>
    );
  }
  const possible = isPossible(studio, action("segment.forward"));
  return (
    <Section title="Propagate" aside={<Length />}>
      <div className="grid grid-cols-[1fr_1.6fr] gap-2">
        <Button
          icon={ArrowLeft}
          disabled={!possible}
          className="h-10"
          onClick={() => perform(studio, action("segment.backward"))}
        >
          Backward
        </Button>
        <Button
          look="primary"
          disabled={!possible}
          className="h-10"
          onClick={() => perform(studio, action("segment.forward"))}
        >
          Forward
          <ArrowRight size={15} aria-hidden />
        </Button>
      </div>
      <p className="mt-2 text-xs text-ink-2">
        {possible ? (
          <span className="flex flex-wrap items-center gap-x-1.5">
            From the frame under the playhead. <Keys keys="f" /> starts, <Keys keys="Escape" /> stops.
          </span>
        ) : (
          "Click an object first; then it is followed from frame to frame."
        )}
      </p>
    </Section>
  );
}

function Length() {
  const studio = useStudio();
  const length = useLive((live) => live.runLength);
  const option = (value: 150 | null, title: string) => (
    <button
      type="button"
      aria-pressed={length === value}
      onClick={() => studio.live.setState({ runLength: value })}
      className={cx(
        "touch-target h-6 rounded-md px-2 text-xs",
        length === value ? "bg-panel font-semibold text-ink shadow-sm" : "text-ink-2 hover:text-ink",
      )}
    >
      {title}
    </button>
  );
  return (
    // biome-ignore lint/a11y/useSemanticElements: two buttons, no form
    <div role="group" aria-label="How far" className="flex gap-0.5 rounded-lg bg-raised p-0.5">
      {option(150, "150 frames")}
      {option(null, "To the end")}
    </div>
  );
}

function Running() {
  const studio = useStudio();
  const run = useLive((live) => live.run);
  if (run === null) return null;
  const share = run.total > 0 ? run.done / run.total : null;
  const left = run.fps > 0 ? span((run.total - run.done) / run.fps) : null;
  return (
    <div data-running>
      <Progress label={run.reverse ? "Propagating backward" : "Propagating forward"} share={share} />
      <div className="tabular mt-2 flex items-center justify-between gap-3">
        <p className="text-ink-2">
          {run.total > 0 ? `${run.done} of ${run.total} frames` : "Starting"}
          {run.fps > 0 && (
            <span className="block text-xs text-ink-3">
              {run.fps.toFixed(1)} frames/s · {left} left
            </span>
          )}
        </p>
        <Button icon={Square} disabled={run.stopping} className="h-10" onClick={() => void stopRun(studio)}>
          {run.stopping ? "Stopping" : "Stop"}
        </Button>
      </div>
    </div>
  );
}

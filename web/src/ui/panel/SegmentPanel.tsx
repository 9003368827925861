import { CircleX, Crosshair, Wand2 } from "lucide-react";
import { action, isPossible, perform } from "@/actions/table";
import { Button, cx, Keys, Section, Slider, Switch } from "@/ui/kit";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";
import { DisplayCard } from "./DisplayCard";
import { ModelCard } from "./ModelCard";
import { Objects } from "./Objects";
import { Prompts } from "./Prompts";
import { Propagate } from "./Propagate";

/** AI Segment: everything about the masks of the clip, on the frame under the playhead. */
export function SegmentPanel() {
  const info = useInfo();
  return (
    <div>
      <ModelCard />
      {info === null ? (
        <p className="border-t border-line px-4 py-6 text-ink-2">Open a clip or a photo to begin.</p>
      ) : (
        <>
          <Mode />
          <Objects />
          <Prompts />
          <Propagate />
          <DisplayCard />
          <Clear />
        </>
      )}
    </div>
  );
}

function Mode() {
  const studio = useStudio();
  const [active, tool, ready] = useLive(
    (live) => [live.active, live.tool, live.model?.status === "ready"] as const,
  );
  const toggle = () => perform(studio, action("segment.activate"));
  return (
    <Section title="Segment">
      <div className="grid grid-cols-2 gap-2">
        <Button
          icon={Crosshair}
          look={active ? "plain" : "primary"}
          aria-pressed={active}
          className={cx("h-10", active && "border-marker! text-marker-text")}
          onClick={toggle}
        >
          {active ? "Active" : "Activate"}
        </Button>
        <Button
          icon={Wand2}
          className="h-10"
          disabled={!ready}
          onClick={() => perform(studio, action("segment.auto"))}
        >
          Auto-Detect
        </Button>
      </div>
      {active && tool === "brush" ? <BrushSettings /> : <Hints active={active} />}
    </Section>
  );
}

function Hints({ active }: { active: boolean }) {
  if (!active) return <p className="mt-2 text-xs text-ink-2">Activate, then click on the stage.</p>;
  return (
    <>
      <Legend include="Click includes" exclude="Right excludes" className="grid pointer-coarse:hidden" />
      <Legend include="Tap includes" exclude="Hold excludes" className="hidden pointer-coarse:grid" />
    </>
  );
}

function Legend(props: { include: string; exclude: string; className: string }) {
  return (
    <ul className={`mt-2.5 grid-cols-3 gap-1 text-xs text-ink-2 ${props.className}`}>
      <li className="flex items-center gap-1.5">
        <span className="size-2 rounded-full bg-include" aria-hidden /> {props.include}
      </li>
      <li className="flex items-center gap-1.5">
        <span className="size-2 rounded-full bg-exclude" aria-hidden /> {props.exclude}
      </li>
      <li className="flex items-center gap-1.5">
        <span className="size-2 rounded-[2px] border border-dashed border-ink-2" aria-hidden /> Drag boxes
      </li>
    </ul>
  );
}

function BrushSettings() {
  const studio = useStudio();
  const [brush, erases] = useLive((live) => [live.brush, live.brushErases] as const);
  return (
    <div className="mt-2">
      <Slider
        label="Size"
        value={brush}
        {...{ min: 2, max: 300, step: 1 }}
        shown={`${brush} px`}
        onChange={(value) => studio.live.setState({ brush: value })}
      />
      <Switch
        label="Erase"
        checked={erases}
        onChange={(next) => studio.live.setState({ brushErases: next })}
      />
      <p className="flex flex-wrap items-center gap-x-1.5 text-xs text-ink-2">
        Right button does the other. <Keys keys=";" /> <Keys keys="'" /> change the size.
      </p>
    </div>
  );
}

function Clear() {
  const studio = useStudio();
  const clip = useClip();
  const clear = action("edit.clear");
  return (
    <div className="border-t border-line px-4 py-3">
      <Button
        look="danger"
        icon={CircleX}
        className="w-full"
        disabled={clip === null || !isPossible(studio, clear)}
        onClick={() => perform(studio, clear)}
      >
        Clear All
      </Button>
    </div>
  );
}

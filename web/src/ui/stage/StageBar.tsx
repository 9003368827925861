/** Tools and zoom, floating on the stage. */

import { action, isPossible, perform } from "@/actions/table";
import { place } from "@/render/view";
import { cx, IconButton, Tip } from "@/ui/kit";
import { useInfo, useLive, useStudio } from "@/ui/studio";

/** Beside the stage; on a phone it lies over it. */
export function Tools() {
  const active = useLive((live) => live.active);
  const tool = useLive((live) => live.tool);
  return (
    <div
      role="toolbar"
      aria-label="Tools"
      className="z-10 flex shrink-0 flex-col gap-1 bg-panel p-1.5 max-md:[body:has([data-sheet=open])_&]:hidden max-md:absolute max-md:top-2 max-md:left-1/2 max-md:-translate-x-1/2 max-md:flex-row max-md:rounded-xl max-md:border max-md:border-line max-md:bg-panel/95 max-md:p-1 max-md:shadow-float md:border-r md:border-line"
    >
      <ActionButton name="segment.activate" pressed={active} />
      <Rule />
      <ActionButton name="segment.points" pressed={active && tool === "point"} />
      <ActionButton name="segment.brush" pressed={active && tool === "brush"} />
      <ActionButton name="segment.auto" />
      <Rule />
      <ActionButton name="edit.undo" />
      <ActionButton name="edit.redo" />
    </div>
  );
}

function Rule() {
  return (
    <span className="mx-1.5 h-px bg-line max-md:mx-0 max-md:my-1.5 max-md:h-auto max-md:w-px" aria-hidden />
  );
}

/** A button of the table's: its label, picture and key. */
export function ActionButton({ name, pressed, label }: { name: string; pressed?: boolean; label?: string }) {
  const studio = useStudio();
  const item = action(name);
  useLive((live) => [
    live.model?.status,
    live.run === null,
    live.clip,
    live.object,
    live.infos,
    live.frame,
    live.pending,
  ]);
  return (
    <IconButton
      icon={item.icon}
      label={label ?? item.title?.(studio) ?? item.label}
      keys={item.keys?.[0]}
      disabled={!isPossible(studio, item)}
      onClick={() => perform(studio, item)}
      {...(pressed === undefined ? {} : { pressed })}
    />
  );
}

export function ZoomChip() {
  const studio = useStudio();
  const info = useInfo();
  const [zoom, stage, answer] = useLive((live) => [live.zoom, live.stage, live.answer] as const);
  if (info === null || stage.width === 0) return null;
  const { scale } = place(info, stage, zoom);
  const percent = Math.round(scale * devicePixelRatio * 100);
  return (
    <div className="absolute right-3 bottom-3 flex items-center gap-2">
      {answer !== null && (
        <span
          className="tabular hidden rounded-full bg-panel/90 px-2.5 py-1 text-xs text-ink-2 sm:block"
          data-answer
        >
          answered in {Math.round(answer)} ms
        </span>
      )}
      <Tip label="Fit" keys="0">
        <button
          type="button"
          aria-label={`Zoom ${percent} percent. Fit the picture`}
          onClick={() => perform(studio, action("view.fit"))}
          className={cx(
            "tabular touch-target rounded-full border border-line bg-panel/95 px-2.5 py-1 text-xs",
            zoom === null ? "text-ink-2" : "text-marker-text",
          )}
        >
          {percent} %
        </button>
      </Tip>
    </div>
  );
}

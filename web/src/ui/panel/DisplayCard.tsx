/** How masks are shown; none of it changes them. */

import { Eraser, Layers, type LucideIcon, Scissors } from "lucide-react";
import { ToggleGroup } from "radix-ui";
import { changeDisplay } from "@/actions/view";
import { MAX_FEATHER, type MaskView } from "@/state/document";
import { Section, Slider, Switch } from "@/ui/kit";
import { useClip, useStudio } from "@/ui/studio";

const VIEWS: readonly (readonly [MaskView, string, LucideIcon])[] = [
  ["overlay", "Overlay", Layers],
  ["cutout", "Cutout", Scissors],
  ["erase", "Erase", Eraser],
];

export function DisplayCard() {
  const studio = useStudio();
  const clip = useClip();
  if (clip === null) return null;
  const { view, opacity, feather, invert } = clip.display;
  const seal = () => studio.history.seal();
  return (
    <Section title="Mask display">
      <ToggleGroup.Root
        type="single"
        value={view}
        aria-label="View"
        onValueChange={(next) =>
          next !== "" && changeDisplay(studio, `Show ${next}`, { view: next as MaskView })
        }
        className="mb-2 grid grid-cols-3 gap-1 rounded-lg bg-raised p-1"
      >
        {VIEWS.map(([key, title, Icon]) => (
          <ToggleGroup.Item
            key={key}
            value={key}
            className="touch-target flex h-7 items-center justify-center gap-1.5 rounded-md text-ink-2 hover:text-ink data-[state=on]:bg-panel data-[state=on]:font-semibold data-[state=on]:text-ink data-[state=on]:shadow-sm"
          >
            <Icon size={14} aria-hidden />
            {title}
          </ToggleGroup.Item>
        ))}
      </ToggleGroup.Root>
      <Slider
        label="Opacity"
        value={Math.round(opacity * 100)}
        {...{ min: 0, max: 100, step: 1 }}
        shown={`${Math.round(opacity * 100)} %`}
        disabled={view !== "overlay"}
        onChange={(value) => changeDisplay(studio, "Change opacity", { opacity: value / 100 })}
        onCommit={seal}
      />
      <Slider
        label="Feather"
        value={feather}
        {...{ min: 0, max: MAX_FEATHER, step: 1 }}
        shown={`${feather} px`}
        onChange={(value) => changeDisplay(studio, "Change feather", { feather: value })}
        onCommit={seal}
      />
      <Switch
        label="Invert mask"
        checked={invert}
        onChange={(next) => changeDisplay(studio, next ? "Invert" : "Do not invert", { invert: next })}
      />
    </Section>
  );
}

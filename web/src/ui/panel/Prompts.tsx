/** What was said of the selected object on this frame, each with a way to take it back. */

import { Brush, Minus, Plus, SquareDashed, X } from "lucide-react";
import type { ReactNode } from "react";
import { isEmptyPrompt, promptAt } from "@/state/document";
import { removeBox, removePoint, removePromptHere } from "@/state/prompting";
import { Button, cx, Section } from "@/ui/kit";
import { useClip, useInfo, useLive, useStudio } from "@/ui/studio";

export function Prompts() {
  const studio = useStudio();
  const clip = useClip();
  const info = useInfo();
  const [frame, objectId] = useLive((live) => [live.frame, live.object] as const);
  const object = clip?.objects.find((each) => each.id === objectId);
  if (clip === null || info === null || object === undefined) return null;
  const prompt = promptAt(clip, object.id, frame);
  const empty = isEmptyPrompt(prompt);
  const title = info.frames > 1 ? `Prompts on frame ${frame + 1}` : "Prompts";
  const aside = empty ? null : (
    <Button look="quiet" className="-mr-2 h-7 px-2" onClick={() => removePromptHere(studio)}>
      Remove all
    </Button>
  );
  return (
    <Section title={title} aside={aside}>
      {empty && <p className="text-ink-2">None for {object.name}. A click here corrects it.</p>}
      <ul className="flex flex-wrap gap-1.5">
        {prompt.points.map((point, i) => {
          const include = prompt.labels[i] === 1;
          const where = `${Math.round(point.x)}, ${Math.round(point.y)}`;
          return (
            <Chip
              // biome-ignore lint/suspicious/noArrayIndexKey: a point is its place in the list
              key={i}
              label={`Remove ${include ? "include" : "exclude"} point at ${where}`}
              onRemove={() => removePoint(studio, i)}
            >
              {include ? (
                <Plus size={13} className="text-include" aria-label="Include" />
              ) : (
                <Minus size={13} className="text-exclude" aria-label="Exclude" />
              )}
              {where}
            </Chip>
          );
        })}
        {prompt.box !== null && (
          <Chip label="Remove box" onRemove={() => removeBox(studio)}>
            <SquareDashed size={13} className="text-ink-2" aria-hidden />
            {Math.round(prompt.box[2] - prompt.box[0])} × {Math.round(prompt.box[3] - prompt.box[1])}
          </Chip>
        )}
        {prompt.mask !== null && (
          <Chip label="Remove brushed mask" onRemove={() => removePromptHere(studio)}>
            <Brush size={13} className="text-ink-2" aria-hidden />
            Brushed mask
          </Chip>
        )}
      </ul>
    </Section>
  );
}

function Chip({ label, onRemove, children }: { label: string; onRemove: () => void; children: ReactNode }) {
  return (
    <li className="tabular flex h-7 items-center gap-1.5 rounded-md bg-raised pl-2">
      {children}
      <button
        type="button"
        aria-label={label}
        onClick={onRemove}
        className={cx(
          "touch-target grid size-7 place-items-center rounded-md text-ink-3 hover:bg-hover hover:text-ink",
        )}
      >
        <X size={13} aria-hidden />
      </button>
    </li>
  );
}

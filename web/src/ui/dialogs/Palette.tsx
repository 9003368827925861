/** Any command by its name. */

import { Search } from "lucide-react";
import { Dialog } from "radix-ui";
import { useMemo, useState } from "react";
import { ACTIONS, isPossible, perform } from "@/actions/table";
import type { Action } from "@/actions/types";
import { cx, Keys } from "@/ui/kit";
import { useStudio } from "@/ui/studio";

/** All words have to be somewhere; those at a word's beginning come first. */
export function rank(query: string, text: string): number {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const target = text.toLowerCase();
  if (!words.every((word) => target.includes(word))) return -1;
  return words.reduce(
    (sum, word) => sum + (new RegExp(`\\b${word.replace(/\W/g, "\\$&")}`).test(target) ? 2 : 1),
    0,
  );
}

export function Palette({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(
    () =>
      ACTIONS.filter(
        (each) => each.scope === undefined && each.name !== "view.palette" && isPossible(studio, each),
      )
        .map((each) => ({ each, score: rank(query, `${each.label} ${each.menu}`) }))
        .filter(({ score }) => score >= 0)
        .sort((a, b) => b.score - a.score)
        .map(({ each }) => each),
    [studio, query],
  );
  const chosen = Math.min(at, found.length - 1);
  const go = (item: Action | undefined) => {
    onClose();
    if (item !== undefined) queueMicrotask(() => perform(studio, item));
  };
  const onKey = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(found.length - 1, chosen + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, chosen - 1));
    else if (event.key === "Enter") go(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          className="rise fixed top-[12vh] left-1/2 z-40 flex max-h-[70vh] w-[min(36rem,calc(100vw-1.5rem))] -translate-x-1/2 flex-col overflow-hidden rounded-2xl border border-line bg-panel shadow-float"
        >
          <Dialog.Title className="sr-only">Find a command</Dialog.Title>
          <div className="flex items-center gap-2.5 border-b border-line px-4">
            <Search size={17} className="shrink-0 text-ink-3" aria-hidden />
            <input
              role="combobox"
              aria-expanded
              aria-controls="commands"
              aria-activedescendant={
                found[chosen] === undefined ? undefined : `command-${found[chosen].name}`
              }
              aria-label="Command"
              placeholder="What do you want to do?"
              value={query}
              onChange={(event) => {
                setQuery(event.target.value);
                setAt(0);
              }}
              onKeyDown={onKey}
              className="h-12 grow bg-transparent text-[15px] outline-none"
            />
          </div>
          <div id="commands" role="listbox" aria-label="Commands" className="overflow-y-auto p-1.5">
            {found.map((each, i) => (
              <CommandRow
                key={each.name}
                item={each}
                chosen={i === chosen}
                onGo={() => go(each)}
                onPoint={() => setAt(i)}
              />
            ))}
            {found.length === 0 && <p className="px-3 py-4 text-ink-2">Nothing is called that.</p>}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface RowProps {
  readonly item: Action;
  readonly chosen: boolean;
  readonly onGo: () => void;
  readonly onPoint: () => void;
}

function CommandRow({ item, chosen, onGo, onPoint }: RowProps) {
  const studio = useStudio();
  const Icon = item.icon;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are heard by the field above
    <div
      id={`command-${item.name}`}
      role="option"
      aria-selected={chosen}
      tabIndex={-1}
      ref={(element) => {
        if (chosen) element?.scrollIntoView({ block: "nearest" });
      }}
      onPointerMove={onPoint}
      onClick={onGo}
      className={cx(
        "flex h-9 items-center gap-3 rounded-lg px-2.5 pointer-coarse:h-11",
        chosen && "bg-hover",
      )}
    >
      <Icon size={16} className="shrink-0 text-ink-3" aria-hidden />
      <span className="grow truncate">{item.title?.(studio) ?? item.label}</span>
      <span className="text-xs text-ink-3">{item.menu}</span>
      {item.keys?.[0] !== undefined && <Keys keys={item.keys[0]} />}
    </div>
  );
}

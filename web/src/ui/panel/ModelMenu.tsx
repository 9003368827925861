/** Which model, and what it computes on. */

import { Check, ChevronDown } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { chooseModel, setProvider } from "@/state/models";
import { bytes } from "@/state/timecode";
import { Floating } from "@/ui/Floating";
import { cx } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";
import type { ModelEntry, Provider } from "@/worker/contract";

interface MenuProps {
  readonly models: readonly ModelEntry[];
  readonly entry: ModelEntry | undefined;
}

export function ModelMenu({ models, entry }: MenuProps) {
  const studio = useStudio();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="touch-target -ml-1.5 flex max-w-full items-center gap-1 rounded-md px-1.5 py-1 font-semibold hover:bg-hover">
        <span className="truncate">{entry?.title ?? "Model"}</span>
        <ChevronDown size={14} className="shrink-0 text-ink-3" aria-hidden />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <Floating>
          <DropdownMenu.Content
            align="start"
            sideOffset={4}
            collisionPadding={8}
            tabIndex={0}
            className="rise z-50 max-h-[60vh] w-80 overflow-y-auto rounded-xl border border-line bg-panel p-1 shadow-float"
          >
            {models.map((each) => (
              <DropdownMenu.Item
                key={each.id}
                onSelect={() => chooseModel(studio, each.id)}
                className="flex items-start gap-2 rounded-lg px-2.5 py-2 outline-none data-[highlighted]:bg-hover"
              >
                <Check
                  size={15}
                  className={cx("mt-0.5 shrink-0", each.id !== entry?.id && "invisible")}
                  aria-hidden
                />
                <span className="min-w-0 grow">
                  <span className="flex justify-between gap-2">
                    <span className="font-medium">{each.title}</span>
                    <span className="tabular shrink-0 text-ink-2">
                      {each.bundled ? "included" : each.stored ? "stored" : bytes(each.bytes)}
                    </span>
                  </span>
                  <span className="block text-xs text-ink-2">
                    {each.about}
                    {!each.tracks && " Photos only: it cannot follow."}
                  </span>
                </span>
              </DropdownMenu.Item>
            ))}
            <DropdownMenu.Separator className="mx-2 my-1 h-px bg-line" />
            <Providers />
          </DropdownMenu.Content>
        </Floating>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const FASTEST = "fastest";
const PROVIDERS: readonly (readonly [Provider | typeof FASTEST, string])[] = [
  [FASTEST, "The fastest that computes rightly"],
  ["webgpu", "WebGPU"],
  ["wasm", "The processor (WASM)"],
];

function Providers() {
  const studio = useStudio();
  const prefer = useLive((live) => live.prefer);
  return (
    <DropdownMenu.RadioGroup
      value={prefer ?? FASTEST}
      onValueChange={(next) => setProvider(studio, next === FASTEST ? null : (next as Provider))}
    >
      <DropdownMenu.Label className="px-2.5 pt-1 text-xs text-ink-2">Computes on</DropdownMenu.Label>
      {PROVIDERS.map(([key, title]) => (
        <DropdownMenu.RadioItem
          key={key}
          value={key}
          className="flex items-center gap-2 rounded-lg px-2.5 py-1.5 outline-none data-[highlighted]:bg-hover"
        >
          <span className="size-[15px] shrink-0">
            <DropdownMenu.ItemIndicator>
              <Check size={15} aria-hidden />
            </DropdownMenu.ItemIndicator>
          </span>
          {title}
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

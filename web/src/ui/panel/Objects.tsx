/** The objects of the clip: select, name, colour, show, combine. */

import { Blend, Check, Ellipsis, Eye, EyeOff, Plus, Trash2 } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import type { Combine, ObjectDoc } from "@/state/document";
import { moveObject } from "@/state/document";
import { colorName, inkOn, PALETTE } from "@/state/palette";
import { changeObject, deleteObject, newObject } from "@/state/prompting";
import { changeClip } from "@/state/studio";
import { Floating } from "@/ui/Floating";
import { Button, cx, IconButton, Section } from "@/ui/kit";
import { useClip, useLive, useStudio } from "@/ui/studio";

const COMBINE: Record<Combine, { title: string; about: string; sign: string }> = {
  add: { title: "Add", about: "Joins the masks above", sign: "+" },
  subtract: { title: "Subtract", about: "Cuts out of the masks above", sign: "−" },
  intersect: { title: "Intersect", about: "Keeps what both cover", sign: "∩" },
};

export function Objects() {
  const studio = useStudio();
  const clip = useClip();
  if (clip === null) return null;
  const add = (
    <Button look="quiet" icon={Plus} className="-mr-2 h-7 px-2" onClick={() => newObject(studio)}>
      New
    </Button>
  );
  return (
    <Section title={clip.objects.length > 0 ? `Objects · ${clip.objects.length}` : "Objects"} aside={add}>
      {clip.objects.length === 0 ? (
        <p className="text-ink-2">Click a thing on the stage: it becomes the first object.</p>
      ) : (
        <ul className="-mx-2 flex flex-col gap-0.5">
          {clip.objects.map((each, place) => (
            <ObjectRow key={each.id} object={each} place={place} count={clip.objects.length} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function ObjectRow({ object, place, count }: { object: ObjectDoc; place: number; count: number }) {
  const studio = useStudio();
  const selected = useLive((live) => live.object === object.id);
  const [naming, setNaming] = useState(false);
  return (
    <li
      className={cx(
        "group flex h-10 items-center gap-2 rounded-lg pr-1 pl-2",
        selected ? "bg-marker-soft" : "hover:bg-hover",
      )}
      data-object={object.id}
    >
      <Swatch object={object} />
      {naming ? (
        <NameField object={object} onDone={() => setNaming(false)} />
      ) : (
        <button
          type="button"
          aria-pressed={selected}
          onClick={() => studio.live.setState({ object: object.id })}
          onDoubleClick={() => setNaming(true)}
          className={cx(
            "h-full min-w-0 grow truncate text-left",
            !object.visible && "text-ink-3",
            selected && "font-semibold",
          )}
        >
          {object.name}
        </button>
      )}
      <IconButton
        icon={object.visible ? Eye : EyeOff}
        label={object.visible ? `Hide ${object.name}` : `Show ${object.name}`}
        pressed={false}
        size={15}
        className={cx(
          "size-7!",
          object.visible &&
            "opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100",
        )}
        onClick={() =>
          changeObject(studio, object.id, object.visible ? "Hide object" : "Show object", {
            visible: !object.visible,
          })
        }
      />
      <ObjectMenu object={object} place={place} count={count} onRename={() => setNaming(true)} />
    </li>
  );
}

function Swatch({ object }: { object: ObjectDoc }) {
  const studio = useStudio();
  const sign = object.combine === "add" ? "" : COMBINE[object.combine].sign;
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger
        aria-label={`Colour of ${object.name}`}
        className="grid size-6 shrink-0 place-items-center rounded-md text-sm font-bold ring-1 ring-black/20 ring-inset"
        style={{ background: object.color, color: inkOn(object.color) }}
      >
        {sign}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <Floating>
          <DropdownMenu.Content
            align="start"
            sideOffset={4}
            className="rise z-50 grid grid-cols-4 gap-1.5 rounded-xl border border-line bg-panel p-2 shadow-float"
          >
            {PALETTE.map((color) => (
              <DropdownMenu.Item
                key={color}
                aria-label={colorName(color)}
                title={colorName(color)}
                onSelect={() => changeObject(studio, object.id, "Change colour", { color })}
                className="grid size-8 place-items-center rounded-md outline-offset-1 data-[highlighted]:outline-2 data-[highlighted]:outline-ink"
                style={{ background: color, color: inkOn(color) }}
              >
                {color === object.color && <Check size={15} aria-hidden />}
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </Floating>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function NameField({ object, onDone }: { object: ObjectDoc; onDone: () => void }) {
  const studio = useStudio();
  const finish = (name: string) => {
    const trimmed = name.trim();
    if (trimmed !== "" && trimmed !== object.name)
      changeObject(studio, object.id, "Rename object", { name: trimmed });
    studio.history.seal();
    onDone();
  };
  return (
    <input
      // biome-ignore lint/a11y/noAutofocus: the field came because its name was asked to be changed
      autoFocus
      defaultValue={object.name}
      aria-label="Name"
      maxLength={60}
      onFocus={(event) => event.target.select()}
      onBlur={(event) => finish(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") finish(event.currentTarget.value);
        if (event.key === "Escape") onDone();
        event.stopPropagation();
      }}
      className="h-7 min-w-0 grow rounded-md border border-edge bg-bg px-2"
    />
  );
}

const ITEM =
  "flex items-center gap-2 rounded-lg px-2.5 py-1.5 outline-none data-[highlighted]:bg-hover data-[disabled]:opacity-40";

interface MenuProps {
  readonly object: ObjectDoc;
  readonly place: number;
  readonly count: number;
  readonly onRename: () => void;
}

function ObjectMenu({ object, place, count, onRename }: MenuProps) {
  const studio = useStudio();
  const move = (to: number) =>
    changeClip(studio, "Reorder objects", (clip) => moveObject(clip, object.id, to));
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger
        aria-label={`More for ${object.name}`}
        className="touch-target grid size-7 shrink-0 place-items-center rounded-md text-ink-2 hover:bg-hover hover:text-ink"
      >
        <Ellipsis size={16} aria-hidden />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <Floating>
          <DropdownMenu.Content
            align="end"
            sideOffset={4}
            collisionPadding={8}
            className="rise z-50 w-60 rounded-xl border border-line bg-panel p-1 shadow-float"
            onCloseAutoFocus={(event) => event.preventDefault()}
          >
            <DropdownMenu.Item className={ITEM} onSelect={() => setTimeout(onRename)}>
              Rename
            </DropdownMenu.Item>
            <DropdownMenu.Item className={ITEM} disabled={place === 0} onSelect={() => move(place - 1)}>
              Move up
            </DropdownMenu.Item>
            <DropdownMenu.Item
              className={ITEM}
              disabled={place === count - 1}
              onSelect={() => move(place + 1)}
            >
              Move down
            </DropdownMenu.Item>
            <DropdownMenu.Separator className="mx-2 my-1 h-px bg-line" />
            <DropdownMenu.Label className="flex items-center gap-2 px-2.5 py-1 text-xs text-ink-2">
              <Blend size={13} aria-hidden /> With the masks above
            </DropdownMenu.Label>
            <DropdownMenu.RadioGroup
              value={object.combine}
              onValueChange={(combine) =>
                changeObject(studio, object.id, "Combine masks", { combine: combine as Combine })
              }
            >
              {(Object.keys(COMBINE) as Combine[]).map((key) => (
                <DropdownMenu.RadioItem key={key} value={key} className={ITEM}>
                  <span className="w-4 text-center font-semibold" aria-hidden>
                    {COMBINE[key].sign}
                  </span>
                  <span className="grow">
                    {COMBINE[key].title}
                    <span className="block text-xs text-ink-2">{COMBINE[key].about}</span>
                  </span>
                  <DropdownMenu.ItemIndicator>
                    <Check size={15} aria-hidden />
                  </DropdownMenu.ItemIndicator>
                </DropdownMenu.RadioItem>
              ))}
            </DropdownMenu.RadioGroup>
            <DropdownMenu.Separator className="mx-2 my-1 h-px bg-line" />
            <DropdownMenu.Item
              className={cx(ITEM, "text-bad")}
              onSelect={() => void deleteObject(studio, object.id)}
            >
              <Trash2 size={15} aria-hidden /> Delete
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </Floating>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

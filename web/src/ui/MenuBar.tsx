import { Check, Download, Menu as MenuIcon } from "lucide-react";
import { DropdownMenu, Menubar } from "radix-ui";
import type { ReactNode } from "react";
import { ACTIONS, action, isPossible, perform } from "@/actions/table";
import { type Action, MENUS, type Menu } from "@/actions/types";
import { savingOf } from "@/state/live";
import { Floating } from "@/ui/Floating";
import { Button, cx, Keys } from "@/ui/kit";
import { Mark } from "@/ui/Mark";
import { ActionButton } from "@/ui/stage/StageBar";
import { useDoc, useInfo, useLive, useStudio } from "@/ui/studio";

const CONTENT =
  "rise z-50 min-w-64 max-h-[80vh] overflow-y-auto rounded-xl border border-line bg-panel p-1 shadow-float";
const ITEM =
  "flex h-8 items-center gap-2.5 rounded-lg px-2.5 outline-none data-[disabled]:opacity-40 data-[highlighted]:bg-hover pointer-coarse:h-11";

export function MenuBar() {
  const info = useInfo();
  const studio = useStudio();
  return (
    <header className="flex h-12 shrink-0 items-center gap-1 border-b border-line bg-panel px-2 sm:px-3">
      <h1 className="mr-2 flex items-center gap-2 text-[15px] font-semibold tracking-tight">
        <Mark />
        <span>
          split<span className="text-ink-2">mask</span>
        </span>
      </h1>
      <Wide />
      <ProjectName />
      <span className="grow" />
      <span className="hidden items-center sm:flex">
        <ActionButton name="view.palette" />
        <ActionButton name="view.theme" />
        <ActionButton name="help.shortcuts" />
      </span>
      <Button
        look={info === null ? "plain" : "primary"}
        icon={Download}
        className="ml-1"
        disabled={info === null}
        aria-label="Take away"
        onClick={() => perform(studio, action("file.takeaway"))}
      >
        <span className="max-sm:sr-only">Take away</span>
      </Button>
      <Narrow />
    </header>
  );
}

function Wide() {
  return (
    <Menubar.Root className="hidden items-center md:flex" aria-label="Menus">
      {MENUS.map((menu) => (
        <Menubar.Menu key={menu}>
          <Menubar.Trigger className="h-8 rounded-lg px-2.5 text-ink-2 outline-offset-[-2px] hover:bg-hover hover:text-ink data-[state=open]:bg-hover data-[state=open]:text-ink">
            {menu}
          </Menubar.Trigger>
          <Menubar.Portal>
            <Floating>
              <Menubar.Content align="start" sideOffset={6} className={CONTENT}>
                <Entries
                  menu={menu}
                  Item={WideItem}
                  Line={<Menubar.Separator className="mx-2 my-1 h-px bg-line" />}
                />
              </Menubar.Content>
            </Floating>
          </Menubar.Portal>
        </Menubar.Menu>
      ))}
    </Menubar.Root>
  );
}

function Narrow() {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger
        aria-label="Menu"
        className="touch-target grid size-9 place-items-center rounded-lg text-ink-2 hover:bg-hover md:hidden"
      >
        <MenuIcon size={19} aria-hidden />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <Floating>
          <DropdownMenu.Content
            align="end"
            sideOffset={6}
            collisionPadding={8}
            tabIndex={0}
            className={CONTENT}
          >
            {MENUS.map((menu) => (
              <DropdownMenu.Group key={menu}>
                <DropdownMenu.Label className="eyebrow px-2.5 pt-2.5 pb-1">{menu}</DropdownMenu.Label>
                <Entries menu={menu} Item={NarrowItem} Line={null} />
              </DropdownMenu.Group>
            ))}
          </DropdownMenu.Content>
        </Floating>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Entries({
  menu,
  Item,
  Line,
}: {
  menu: Menu;
  Item: (props: { item: Action }) => ReactNode;
  Line: ReactNode;
}) {
  const items = ACTIONS.filter((each) => each.menu === menu && each.hidden !== true);
  const groups = [...new Set(items.map((each) => each.group))];
  return groups.map((group, i) => (
    <div key={group} role="none">
      {i > 0 && Line}
      {items
        .filter((each) => each.group === group)
        .map((each) => (
          <Item key={each.name} item={each} />
        ))}
    </div>
  ));
}

function WideItem({ item }: { item: Action }) {
  const studio = useStudio();
  return (
    <Menubar.Item
      className={ITEM}
      disabled={!isPossible(studio, item)}
      onSelect={() => perform(studio, item)}
    >
      <Inside item={item} />
    </Menubar.Item>
  );
}

function NarrowItem({ item }: { item: Action }) {
  const studio = useStudio();
  return (
    <DropdownMenu.Item
      className={ITEM}
      disabled={!isPossible(studio, item)}
      onSelect={() => perform(studio, item)}
    >
      <Inside item={item} />
    </DropdownMenu.Item>
  );
}

function Inside({ item }: { item: Action }) {
  const studio = useStudio();
  const Icon = item.icon;
  const checked = item.checked?.(studio);
  return (
    <>
      <Icon size={15} className="shrink-0 text-ink-3" aria-hidden />
      <span className="grow truncate">{item.title?.(studio) ?? item.label}</span>
      {checked === true && <Check size={15} className="shrink-0 text-marker-text" aria-label="on" />}
      {item.keys?.[0] !== undefined && (
        <span className="pl-4 max-md:hidden">
          <Keys keys={item.keys[0]} />
        </span>
      )}
    </>
  );
}

const SAVING = {
  saved: "Saved in this browser",
  saving: "Saving",
  memory: "Not kept in this browser",
} as const;

function ProjectName() {
  const studio = useStudio();
  const name = useDoc((doc) => doc.name);
  const [project, saving] = useLive((live) => [live.projectId, savingOf(live)] as const);
  if (project === null) return null;
  return (
    <div className="flex min-w-0 items-center gap-2 sm:ml-2 sm:border-l sm:border-line sm:pl-3">
      <input
        key={name}
        defaultValue={name}
        aria-label="Project name"
        maxLength={80}
        onBlur={(event) => {
          const next = event.target.value.trim();
          if (next !== "") studio.history.change("Rename project", (doc) => ({ ...doc, name: next }));
        }}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        className="h-8 min-w-0 rounded-md bg-transparent px-1.5 [field-sizing:content] max-w-52 truncate hover:bg-raised focus:bg-raised"
      />
      <span
        className={cx(
          "hidden text-xs whitespace-nowrap lg:inline",
          saving === "memory" ? "text-warn" : "text-ink-3",
        )}
        data-saving={saving}
      >
        {SAVING[saving]}
      </span>
    </div>
  );
}

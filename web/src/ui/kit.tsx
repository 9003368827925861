/** The few controls that everything is made of. */

import { type LucideIcon, X } from "lucide-react";
import {
  Dialog as RadixDialog,
  Slider as RadixSlider,
  Switch as RadixSwitch,
  Tooltip as RadixTooltip,
} from "radix-ui";
import type { ComponentProps, MouseEvent, ReactNode } from "react";
import { isMac, spelled } from "@/actions/keys";

export function cx(...names: (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}

/** A click leaves the focus where it was, so that keys go on working on the stage; Tab reaches every button. */
function keepFocus(event: MouseEvent): void {
  event.preventDefault();
}

type Look = "plain" | "primary" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  plain: "bg-raised text-ink hover:bg-hover border border-line",
  primary: "bg-marker text-marker-ink font-semibold hover:brightness-108",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "text-bad border border-line hover:bg-bad-soft",
};

interface ButtonProps extends ComponentProps<"button"> {
  readonly look?: Look;
  readonly icon?: LucideIcon;
}

export function Button({ look = "plain", icon: Icon, className, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cx(
        "touch-target inline-flex h-8 items-center justify-center gap-1.5 rounded-lg px-3 whitespace-nowrap transition-colors select-none disabled:opacity-45 disabled:pointer-events-none",
        LOOKS[look],
        className,
      )}
      onMouseDown={keepFocus}
      {...rest}
    >
      {Icon !== undefined && <Icon size={15} aria-hidden />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  readonly icon: LucideIcon;
  readonly label: string;
  readonly keys?: string | undefined;
  readonly pressed?: boolean;
  readonly size?: number;
}

/** A button with a picture: its name is in its tooltip, with the key. */
export function IconButton({
  icon: Icon,
  label,
  keys,
  pressed,
  size = 17,
  className,
  ...rest
}: IconButtonProps) {
  return (
    <Tip label={label} keys={keys}>
      <button
        type="button"
        aria-label={label}
        onMouseDown={keepFocus}
        {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
        className={cx(
          "touch-target inline-grid size-8 shrink-0 place-items-center rounded-lg transition-colors disabled:opacity-40 disabled:pointer-events-none",
          pressed ? "bg-marker-soft text-marker-text" : "text-ink-2 hover:bg-hover hover:text-ink",
          className,
        )}
        {...rest}
      >
        <Icon size={size} aria-hidden />
      </button>
    </Tip>
  );
}

export function Tip({
  label,
  keys,
  children,
}: {
  label: string;
  keys?: string | undefined;
  children: ReactNode;
}) {
  return (
    <RadixTooltip.Root>
      <RadixTooltip.Trigger asChild>{children}</RadixTooltip.Trigger>
      <RadixTooltip.Portal>
        <RadixTooltip.Content
          sideOffset={6}
          collisionPadding={8}
          className="rise z-50 flex items-center gap-2 rounded-md border border-line bg-raised px-2 py-1 text-xs text-ink shadow-float"
        >
          {label}
          {keys !== undefined && <Keys keys={keys} />}
        </RadixTooltip.Content>
      </RadixTooltip.Portal>
    </RadixTooltip.Root>
  );
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-0.5">
      {spelled(keys, isMac()).map((each) => (
        <kbd
          key={each}
          className="min-w-5 rounded border border-line bg-bg px-1 text-center font-sans text-[11px] leading-[18px] text-ink-2"
        >
          {each}
        </kbd>
      ))}
    </span>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly shown: string;
  readonly disabled?: boolean;
  readonly onChange: (value: number) => void;
  readonly onCommit?: () => void;
}

export function Slider({
  label,
  value,
  min,
  max,
  step,
  shown,
  disabled = false,
  onChange,
  onCommit,
}: SliderProps) {
  return (
    <div className={cx("grid grid-cols-[4.5rem_1fr_3.25rem] items-center gap-3", disabled && "opacity-45")}>
      <span className="text-ink-2">{label}</span>
      <RadixSlider.Root
        value={[value]}
        min={min}
        max={max}
        step={step}
        disabled={disabled}
        onValueChange={([next]) => next !== undefined && onChange(next)}
        onValueCommit={() => onCommit?.()}
        className="relative flex h-8 touch-none items-center"
      >
        <RadixSlider.Track className="relative h-1 grow rounded-full bg-hover">
          <RadixSlider.Range className="absolute h-full rounded-full bg-marker" />
        </RadixSlider.Track>
        <RadixSlider.Thumb
          aria-label={label}
          aria-valuetext={shown}
          className="block size-4 rounded-full border-2 border-marker bg-panel shadow transition-transform hover:scale-115"
        />
      </RadixSlider.Root>
      <span className="tabular text-right text-ink">{shown}</span>
    </div>
  );
}

interface SwitchProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function Switch({ label, checked, onChange }: SwitchProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the switch inside is the control
    <label className="flex h-8 items-center justify-between gap-3">
      <span className="text-ink-2">{label}</span>
      <RadixSwitch.Root
        checked={checked}
        onCheckedChange={onChange}
        aria-label={label}
        className="relative h-5 w-9 rounded-full bg-edge transition-colors data-[state=checked]:bg-marker"
      >
        <RadixSwitch.Thumb className="block size-4 translate-x-0.5 rounded-full bg-white shadow transition-transform data-[state=checked]:translate-x-[18px] data-[state=checked]:bg-marker-ink" />
      </RadixSwitch.Root>
    </label>
  );
}

interface ModalProps {
  readonly title: string;
  readonly about?: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
}

export function Modal({ title, about, wide = false, onClose, children, footer }: ModalProps) {
  return (
    <RadixDialog.Root open onOpenChange={(open) => !open && onClose()}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className="fixed inset-0 z-40 bg-black/50 backdrop-blur-[2px]" />
        <RadixDialog.Content
          {...(about === undefined ? { "aria-describedby": undefined } : {})}
          onOpenAutoFocus={(event) => {
            // the dialog itself, not its first button: that is read out, and nothing looks chosen
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
          className={cx(
            "rise fixed z-40 flex max-h-[min(88dvh,760px)] flex-col overflow-hidden border border-line bg-panel shadow-float outline-none",
            "inset-x-0 bottom-0 rounded-t-2xl sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[calc(100vw-3rem)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl",
            wide ? "sm:max-w-3xl" : "sm:max-w-lg",
          )}
        >
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 grow">
              <RadixDialog.Title className="text-base font-semibold">{title}</RadixDialog.Title>
              {about !== undefined && (
                <RadixDialog.Description className="mt-0.5 text-ink-2">{about}</RadixDialog.Description>
              )}
            </div>
            <RadixDialog.Close asChild>
              <button
                type="button"
                aria-label="Close"
                className="touch-target -mr-1.5 inline-grid size-8 place-items-center rounded-lg text-ink-2 hover:bg-hover hover:text-ink"
              >
                <X size={17} aria-hidden />
              </button>
            </RadixDialog.Close>
          </header>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys */}
          <div className="min-h-0 grow overflow-y-auto px-5 pb-5 outline-offset-[-2px]" tabIndex={0}>
            {children}
          </div>
          {footer !== undefined && (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
              {footer}
            </footer>
          )}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="border-t border-line px-4 py-3 first:border-t-0" aria-label={title}>
      <div className="mb-2 flex min-h-6 items-center justify-between gap-2">
        <h2 className="eyebrow">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Progress({ label, share }: { label: string; share: number | null }) {
  const percent = share === null ? undefined : Math.round(share * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(percent === undefined ? {} : { "aria-valuenow": percent })}
      className="h-1.5 overflow-hidden rounded-full bg-hover"
    >
      <div
        className={cx("h-full rounded-full bg-marker transition-[width]", share === null && "breathe w-full")}
        style={share === null ? undefined : { width: `${share * 100}%` }}
      />
    </div>
  );
}

/** Messages with a way on. What a fault means to a person is decided here, once. */

import { type ErrorCode, type Fault, toFault } from "@/core/errors";
import type { Banner, Notice, Way } from "@/state/live";
import type { Studio } from "@/state/studio";

const TITLES: Record<ErrorCode, string> = {
  "media.unsupported": "This browser cannot open it",
  "media.broken": "The file is damaged",
  "media.too-large": "The picture is too large",
  "model.missing": "The model is not there",
  "model.corrupt": "The model's files are damaged",
  "model.unfit": "These files are not a model for splitmask",
  "provider.failed": "The model cannot be computed here",
  "storage.full": "This browser's storage is full",
  "storage.locked": "Another tab is using it",
  network: "No connection",
  prompt: "That cannot be asked",
  cancelled: "Cancelled",
  result: "The masks cannot be read",
  bundle: "The bundle cannot be read",
  internal: "Something went wrong",
};

const HINTS: Partial<Record<ErrorCode, string>> = {
  "media.broken": "Try another copy of the file.",
  "storage.full": "Remove models or projects under File → Storage.",
};

let nextId = 1;

export function notify(studio: Studio, notice: Omit<Notice, "id" | "way"> & { way?: Way }): void {
  const whole: Notice = { ...notice, id: nextId++, way: notice.way ?? null };
  const { notices } = studio.live.getState();
  const others = notices.filter((each) => each.title !== whole.title || each.text !== whole.text);
  studio.live.setState({
    notices: [...others, whole].slice(-4),
    announcement: `${whole.title}. ${whole.text}`,
  });
}

/** Masks of a clip have no place in this browser's storage. */
export function onVolatile(studio: Studio, why: string): void {
  const way: Way = { label: "Storage…", go: () => studio.live.setState({ dialog: "storage" }) };
  studio.live.setState({ volatile: true });
  notify(studio, { level: "warning", title: "For this visit only", text: `${sentence(why)}.`, way });
}

export function dismiss(studio: Studio, id: number): void {
  studio.live.setState({ notices: studio.live.getState().notices.filter((each) => each.id !== id) });
}

/** Shows a fault; what was cancelled on purpose is not one. Where storage is full, room has to be made first. */
export function report(studio: Studio, error: unknown, way?: Way): void {
  const fault = toFault(error);
  if (fault.code === "cancelled") return;
  const base = { level: "error" as const, title: titleOf(fault), text: textOf(fault) };
  const on = wayFor(studio, fault) ?? way ?? null;
  notify(studio, on === null ? base : { ...base, way: on });
}

export function titleOf(fault: Fault): string {
  return TITLES[fault.code];
}

export function textOf(fault: Fault): string {
  const hint = HINTS[fault.code];
  const message = `${sentence(fault.message)}.`.replace(/([.…!?])\.$/, "$1");
  return hint === undefined ? message : `${message} ${hint}`;
}

/** Begins with a capital, but for a file's name. */
export function sentence(text: string): string {
  return /^\S*[.:/]/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

function wayFor(studio: Studio, fault: Fault): Way | null {
  if (fault.code === "storage.full") {
    return { label: "Storage…", go: () => studio.live.setState({ dialog: "storage" }) };
  }
  return null;
}

export function raise(studio: Studio, banner: Banner): void {
  const others = studio.live.getState().banners.filter((each) => each.key !== banner.key);
  studio.live.setState({ banners: [...others, banner] });
}

export function lower(studio: Studio, key: string): void {
  studio.live.setState({ banners: studio.live.getState().banners.filter((each) => each.key !== key) });
}

/** Times as people in front of a timeline read them. */

import type { ClipInfo } from "@/worker/contract";

type Times = Pick<ClipInfo, "timestamps" | "frames" | "duration">;

/** Frames per second; the mean where the rate varies, 0 for a still. */
export function rateOf(clip: Times): number {
  const last = clip.timestamps[clip.frames - 1] ?? 0;
  return clip.frames > 1 && last > 0 ? (clip.frames - 1) / last : 0;
}

/** The frame that shows at a time in seconds. */
export function frameAt(clip: Times, seconds: number): number {
  let low = 0;
  let high = clip.frames - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((clip.timestamps[middle] ?? 0) <= seconds + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `0:07.25`: minutes, seconds, hundredths. Times hold for any rate; frame counts stand beside them. */
export function clock(seconds: number): string {
  const hundredths = Math.max(0, Math.round(seconds * 100));
  const minutes = Math.floor(hundredths / 6000);
  const rest = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
  return `${minutes}:${rest}`;
}

/** `40 s`, `3 min 10 s`: how long something will take. */
export function span(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return rest === 0 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 60)} min ${rest} s`;
}

/** `1.2 MB`, powers of ten as on a download page. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB"];
  const step = Math.min(units.length, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** step;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[step - 1]}`;
}

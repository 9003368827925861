/** Moving the picture on the stage: wheel, pan, pinch. */

import type { StagePoint } from "@/core/types";
import { panBy, zoomAt } from "@/render/view";
import { currentInfo, type Studio } from "@/state/studio";

export interface Pan {
  readonly kind: "pan";
  last: StagePoint;
}

export interface Pinch {
  readonly kind: "pinch";
  middle: StagePoint;
  spread: number; // CSS pixels between the fingers
}

/** Of the first two pointers. */
export function pinchOf(pointers: Iterable<StagePoint>): Pinch {
  const [a = ORIGIN, b = ORIGIN] = pointers;
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } as StagePoint;
  return { kind: "pinch", middle, spread: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
}

const ORIGIN = { x: 0, y: 0 } as StagePoint;

export function pan(studio: Studio, gesture: Pan, to: StagePoint): void {
  const info = currentInfo(studio);
  if (info === null) return;
  const { stage, zoom } = studio.live.getState();
  studio.live.setState({ zoom: panBy(info, stage, zoom, to.x - gesture.last.x, to.y - gesture.last.y) });
  gesture.last = to;
}

/** Zooms about the middle of the fingers, and moves with it. */
export function pinch(studio: Studio, gesture: Pinch, to: Pinch): void {
  const info = currentInfo(studio);
  if (info === null) return;
  const { stage, zoom } = studio.live.getState();
  const scaled = zoomAt(info, stage, zoom, to.spread / gesture.spread, to.middle);
  const [dx, dy] = [to.middle.x - gesture.middle.x, to.middle.y - gesture.middle.y];
  studio.live.setState({ zoom: scaled === null ? null : panBy(info, stage, scaled, dx, dy) });
  gesture.middle = to.middle;
  gesture.spread = to.spread;
}

/** Zooms about the pointer; with Shift it pans. */
export function wheel(studio: Studio, event: WheelEvent, at: StagePoint): void {
  event.preventDefault();
  const info = currentInfo(studio);
  if (info === null) return;
  const { stage, zoom } = studio.live.getState();
  if (event.shiftKey && !event.ctrlKey) {
    const [dx, dy] = [-event.deltaX || -event.deltaY, event.deltaX === 0 ? 0 : -event.deltaY];
    studio.live.setState({ zoom: panBy(info, stage, zoom, dx, dy) });
    return;
  }
  const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)); // Ctrl: a pinch on a touch pad
  studio.live.setState({ zoom: zoomAt(info, stage, zoom, factor, at) });
}

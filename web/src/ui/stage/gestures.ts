/**
 * Pointers on the stage. One finger or the left button says what is wanted of the object; two fingers or
 * the middle button move the picture.
 */

import type { FramePoint, Rle, StagePoint } from "@/core/types";
import { clampTo, isInside, type Placement, place, toFrame, toStage } from "@/render/view";
import { promptAt } from "@/state/document";
import { addPoint, movePoint, setBox, setBrushedMask } from "@/state/prompting";
import { currentClip, currentInfo, currentObject, type Studio } from "@/state/studio";
import type { ClipInfo } from "@/worker/contract";
import { BrushStroke, covers } from "./brush";
import { type Pan, type Pinch, pan, pinch, pinchOf, wheel } from "./navigate";
import type { StagePainter } from "./painter";

const SLOP = 5; // CSS pixels that a click may move
const TOUCH_SLOP = 10;
const LONG_PRESS = 480; // milliseconds
const GRAB = 9; // CSS pixels around a point

type Gesture =
  | { readonly kind: "press"; readonly at: StagePoint; readonly label: 0 | 1; readonly touch: boolean }
  | { readonly kind: "box"; readonly from: FramePoint }
  | { readonly kind: "move"; readonly index: number }
  | { readonly kind: "brush"; readonly stroke: BrushStroke; readonly erase: boolean; readonly object: number }
  | Pan
  | Pinch
  | { readonly kind: "spent" };

export class StageGestures {
  private readonly studio: Studio;
  private readonly element: HTMLElement;
  private readonly painter: StagePainter;
  private readonly pointers = new Map<number, StagePoint>();
  private gesture: Gesture | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private latest: (() => void) | null = null;
  private frame = 0;
  private hovering = 0;

  constructor(studio: Studio, element: HTMLElement, painter: StagePainter) {
    this.studio = studio;
    this.element = element;
    this.painter = painter;
  }

  /** Listens from now on; returns how to stop. */
  listen(): () => void {
    const off = new AbortController();
    const { signal } = off;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      hear: (event: HTMLElementEventMap[K]) => void,
    ) => this.element.addEventListener(type, hear, { signal, passive: false });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.cancel(event));
    on("pointerleave", () => this.leave());
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", (event) => wheel(this.studio, event, this.point(event)));
    on("dblclick", (event) => event.preventDefault());
    return () => off.abort();
  }

  private point(event: MouseEvent): StagePoint {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top } as StagePoint;
  }

  private where(): { readonly info: ClipInfo; readonly at: Placement } | null {
    const info = currentInfo(this.studio);
    const { stage, zoom } = this.studio.live.getState();
    return info === null ? null : { info, at: place(info, stage, zoom) };
  }

  private down(event: PointerEvent): void {
    if ((event.target as Element).closest("button, a, input, [role=slider]") !== null) return;
    const where = this.where();
    if (where === null) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const at = this.point(event);
    this.pointers.set(event.pointerId, at);
    clearTimeout(this.timer);
    if (this.pointers.size === 2) this.gesture = pinchOf(this.pointers.values());
    else if (this.pointers.size === 1) this.gesture = this.begin(event, at, where.info, where.at);
  }

  private begin(event: PointerEvent, at: StagePoint, info: ClipInfo, placement: Placement): Gesture {
    const { active, tool } = this.studio.live.getState();
    const touch = event.pointerType === "touch";
    if (event.button === 1) return { kind: "pan", last: at };
    if (!active) return { kind: "press", at, label: 1, touch };
    this.studio.live.setState({ crosshair: null, hover: null });
    const exclude = event.button === 2 || event.altKey || (event.ctrlKey && event.button === 0);
    if (tool === "brush") return this.beginBrush(info, toFrame(at, placement), exclude);
    const grabbed = exclude ? -1 : this.grab(at, placement);
    if (grabbed >= 0) return { kind: "move", index: grabbed };
    if (touch) this.timer = setTimeout(() => this.longPress(at), LONG_PRESS);
    return { kind: "press", at, label: exclude ? 0 : 1, touch };
  }

  private beginBrush(info: ClipInfo, point: FramePoint, right: boolean): Gesture {
    const { frame, brush, brushErases } = this.studio.live.getState();
    const object = currentObject(this.studio)?.id ?? currentClip(this.studio)?.nextObject ?? 1;
    const now =
      this.studio.masks.get(info.id, frame)?.masks.find((each) => each.object === object)?.rle ?? null;
    const stroke = new BrushStroke(info, now);
    const erase = right !== brushErases;
    stroke.to(point, brush, erase);
    this.paint(stroke, object);
    return { kind: "brush", stroke, erase, object };
  }

  /** The point of the selected object under the pointer. */
  private grab(at: StagePoint, placement: Placement): number {
    const [clip, object] = [currentClip(this.studio), currentObject(this.studio)];
    if (clip === null || object === null) return -1;
    const { points } = promptAt(clip, object.id, this.studio.live.getState().frame);
    return points.findIndex((point) => {
      const shown = toStage(point, placement);
      return Math.hypot(shown.x - at.x, shown.y - at.y) <= GRAB;
    });
  }

  private longPress(at: StagePoint): void {
    if (this.gesture?.kind !== "press") return;
    this.gesture = { kind: "spent" };
    navigator.vibrate?.(12);
    this.click(at, 0);
  }

  private move(event: PointerEvent): void {
    const at = this.point(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    this.element.style.setProperty("--pointer-x", `${at.x}px`); // for the brush's ring
    this.element.style.setProperty("--pointer-y", `${at.y}px`);
    const { gesture } = this;
    if (gesture === null) this.onFrame(() => this.hoverAt(at));
    else if (gesture.kind === "press") this.maybeDrag(gesture, at);
    else if (gesture.kind === "pinch")
      this.onFrame(() => pinch(this.studio, gesture, pinchOf(this.pointers.values())));
    else if (gesture.kind === "pan") pan(this.studio, gesture, at);
    else if (gesture.kind === "brush") this.brushTo(gesture, event);
    else this.onFrame(() => this.drag(at));
  }

  private maybeDrag(press: Extract<Gesture, { kind: "press" }>, at: StagePoint): void {
    if (Math.hypot(at.x - press.at.x, at.y - press.at.y) <= (press.touch ? TOUCH_SLOP : SLOP)) return;
    clearTimeout(this.timer);
    const where = this.where();
    if (where === null) return;
    const { active } = this.studio.live.getState();
    if (!active) this.gesture = { kind: "pan", last: at };
    else if (press.label === 0) this.gesture = { kind: "spent" };
    else this.gesture = { kind: "box", from: clampTo(toFrame(press.at, where.at), where.info) };
  }

  private drag(at: StagePoint): void {
    const where = this.where();
    const { gesture } = this;
    if (where === null || gesture === null) return;
    const point = clampTo(toFrame(at, where.at), where.info);
    if (gesture.kind === "move") movePoint(this.studio, gesture.index, point);
    if (gesture.kind !== "box") return;
    const { from } = gesture;
    const box = [
      Math.min(from.x, point.x),
      Math.min(from.y, point.y),
      Math.max(from.x, point.x),
      Math.max(from.y, point.y),
    ] as const;
    if (box[2] - box[0] >= 2 && box[3] - box[1] >= 2) setBox(this.studio, box);
  }

  private brushTo(gesture: Extract<Gesture, { kind: "brush" }>, event: PointerEvent): void {
    const where = this.where();
    if (where === null) return;
    const { brush } = this.studio.live.getState();
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      gesture.stroke.to(toFrame(this.point(each), where.at), brush, gesture.erase);
    }
    this.onFrame(() => this.paint(gesture.stroke, gesture.object));
  }

  private paint(stroke: BrushStroke, object: number): void {
    const rle: Rle = stroke.rle();
    this.painter.override = { object, rle };
    this.painter.soon();
  }

  private up(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    clearTimeout(this.timer);
    this.flush();
    const { gesture } = this;
    if (this.pointers.size > 0) this.gesture = { kind: "spent" };
    else this.gesture = null;
    if (gesture?.kind === "press") this.click(gesture.at, gesture.label);
    if (gesture?.kind === "brush") this.endBrush(gesture);
    if (gesture?.kind === "box" || gesture?.kind === "move") this.studio.history.seal();
  }

  private endBrush(gesture: Extract<Gesture, { kind: "brush" }>): void {
    const rle = gesture.stroke.rle();
    if (rle.counts.length > 1) setBrushedMask(this.studio, rle);
    const clip = currentClip(this.studio);
    const { frame } = this.studio.live.getState();
    if (clip !== null && rle.counts.length > 1) {
      const mask = { object: gesture.object, rle, score: 1, presence: 10, prompted: true };
      this.studio.masks.putObject(clip.id, frame, mask);
    }
    this.painter.override = null;
    this.painter.soon();
  }

  private click(at: StagePoint, label: 0 | 1): void {
    const where = this.where();
    if (where === null) return;
    const point = toFrame(at, where.at);
    if (!isInside(point, where.info)) return;
    if (this.studio.live.getState().active) addPoint(this.studio, point, label);
    else this.select(point);
  }

  /** Off, a click selects the object that is there. */
  private select(point: FramePoint): void {
    const [clip, info] = [currentClip(this.studio), currentInfo(this.studio)];
    if (clip === null || info === null) return;
    const masks = this.studio.masks.get(clip.id, this.studio.live.getState().frame)?.masks ?? [];
    const hit = masks.find((each) => covers(each.rle, point));
    if (hit !== undefined) this.studio.live.setState({ object: hit.object });
  }

  private hoverAt(at: StagePoint): void {
    const where = this.where();
    const { active, tool, hoverPreview, run, playing, model, pending, frame } = this.studio.live.getState();
    const wanted = active && tool === "point" && hoverPreview && run === null && !playing && pending === 0;
    if (where === null || !wanted || model?.status !== "ready") return;
    const point = toFrame(at, where.at);
    const request = ++this.hovering;
    if (!isInside(point, where.info)) {
      this.studio.live.setState({ hover: null });
      return;
    }
    this.studio.worker.hover(where.info.id, frame, point.x, point.y).then(
      (hover) => {
        if (request === this.hovering && hover !== null && this.gesture === null)
          this.studio.live.setState({ hover });
      },
      () => undefined, // a preview that fails is no preview
    );
  }

  private leave(): void {
    this.hovering += 1;
    if (this.studio.live.getState().hover !== null) this.studio.live.setState({ hover: null });
  }

  private cancel(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    clearTimeout(this.timer);
    this.gesture = null;
    this.painter.override = null;
    this.painter.soon();
  }

  /** The newest of what was asked for, once a frame of the screen. */
  private onFrame(what: () => void): void {
    this.latest = what;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const what = this.latest;
    this.latest = null;
    what?.();
  }
}

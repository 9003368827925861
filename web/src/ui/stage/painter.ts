/** Keeps the canvas of the stage up to date: draws when something changed, at most once a frame of the screen. */

import type { Rle, Size } from "@/core/types";
import type { Picture } from "@/media/player";
import { type Backend, createCompositor } from "@/render/compositor";
import type { Compositor, Layer, Rgb, Scene } from "@/render/scene";
import { type Placement, place } from "@/render/view";
import type { ClipDoc } from "@/state/document";
import { notify, report } from "@/state/notices";
import { rgb } from "@/state/palette";
import { feed, type Screen } from "@/state/playback";
import { currentClip, currentInfo, type Studio } from "@/state/studio";

/** What changes the picture; its frame comes with the picture itself. */
const SEEN = ["clip", "infos", "zoom", "stage", "hover", "hoverPreview", "playing"] as const;

export class StagePainter implements Screen {
  /** A mask that is being brushed, in place of the object's own. */
  override: { readonly object: number; readonly rle: Rle } | null = null;
  private readonly studio: Studio;
  private readonly host: HTMLElement;
  private canvas: HTMLCanvasElement | null = null;
  private compositor: Compositor | null = null;
  private readonly failed: Backend[] = [];
  private shown: { readonly clip: string; readonly frame: number } | null = null;
  private scheduled = 0;
  private closed = false;
  private stopFeed: (() => void) | null = null;
  private readonly stops: (() => void)[] = [];

  constructor(studio: Studio, host: HTMLElement) {
    this.studio = studio;
    this.host = host;
    const soon = () => this.soon();
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(host);
    const themes = new MutationObserver(soon);
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.stops.push(
      studio.live.subscribe((now, before) => SEEN.some((key) => now[key] !== before[key]) && soon()),
      studio.history.store.subscribe(soon),
      studio.masks.subscribe((clip, frame) => {
        if (clip === this.shown?.clip && (frame === null || frame === this.shown.frame)) soon();
      }),
      () => sizes.disconnect(),
      () => themes.disconnect(),
    );
    void this.begin();
  }

  show(picture: Picture, frame: number): void {
    const { clip } = this.studio.live.getState();
    if (clip === null || this.compositor === null) {
      picture.close();
      return;
    }
    this.compositor.setPicture(picture);
    this.shown = { clip, frame };
    this.soon();
  }

  soon(): void {
    if (this.scheduled === 0) this.scheduled = requestAnimationFrame(() => this.draw());
  }

  close(): void {
    this.closed = true;
    cancelAnimationFrame(this.scheduled);
    for (const stop of this.stops) stop();
    this.stopFeed?.();
    this.compositor?.dispose();
    this.canvas?.remove();
  }

  /** A JPEG of what is shown, for the list of projects. */
  async snapshot(): Promise<Blob | null> {
    if (this.canvas === null || this.shown === null) return null;
    this.draw(); // a canvas gives its pixels only in the task that drew them
    const bitmap = createImageBitmap(this.canvas, { resizeWidth: 320, resizeQuality: "medium" });
    const small = await bitmap;
    const out = new OffscreenCanvas(small.width, small.height);
    out.getContext("2d")?.drawImage(small, 0, 0);
    small.close();
    return out.convertToBlob({ type: "image/jpeg", quality: 0.8 });
  }

  private async begin(): Promise<void> {
    try {
      const made = await createCompositor(() => this.freshCanvas(), this.failed);
      this.compositor = made;
      if (this.closed) {
        this.close(); // it was closed while this was on its way
        return;
      }
      this.host.dataset.renderer = made.kind;
      void made.lost.then((reason) => this.recover(made, reason));
      this.resize();
      this.stopFeed = feed(this.studio, this);
    } catch (error) {
      report(this.studio, error);
    }
  }

  private async recover(lost: Compositor, reason: string): Promise<void> {
    if (this.closed || this.compositor !== lost) return;
    this.failed.push(lost.kind);
    this.compositor = null;
    this.stopFeed?.();
    notify(this.studio, {
      level: "warning",
      title: "The picture is drawn another way now",
      text: `${reason}. Masks and prompts are not touched.`,
    });
    await this.begin();
  }

  private freshCanvas(): HTMLCanvasElement {
    this.canvas?.remove();
    const canvas = document.createElement("canvas");
    canvas.className = "absolute inset-0 size-full";
    canvas.setAttribute("aria-hidden", "true");
    this.host.prepend(canvas);
    this.canvas = canvas;
    return canvas;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    const { stage } = this.studio.live.getState();
    if (stage.width !== width || stage.height !== height)
      this.studio.live.setState({ stage: { width, height } });
    const device = (side: number) => Math.max(1, Math.round(side * devicePixelRatio));
    this.compositor?.resize({ width: device(width), height: device(height) });
    this.soon();
  }

  private draw(): void {
    this.scheduled = 0;
    const [clip, info] = [currentClip(this.studio), currentInfo(this.studio)];
    if (this.compositor === null || clip === null || info === null) return;
    if (this.shown?.clip !== clip.id) return;
    const { zoom, stage } = this.studio.live.getState();
    if (stage.width === 0) return;
    const at = place(info, stage, zoom);
    this.compositor.draw(this.scene(clip, info, at));
  }

  private scene(clip: ClipDoc, frame: Size, at: Placement): Scene {
    const ratio = devicePixelRatio;
    const style = getComputedStyle(this.host);
    const color = (name: string): Rgb => rgb(style.getPropertyValue(name).trim());
    const { hover, hoverPreview, playing } = this.studio.live.getState();
    return {
      frame: { width: frame.width, height: frame.height },
      layers: this.layers(clip),
      ghost: hoverPreview && !playing ? hover : null,
      ...clip.display,
      placement: { x: at.x * ratio, y: at.y * ratio, scale: at.scale * ratio },
      pixelRatio: ratio,
      backdrop: color("--stage"),
      checker: [color("--checker-a"), color("--checker-b")],
      accent: color("--marker"),
    };
  }

  private layers(clip: ClipDoc): Layer[] {
    const frame = this.shown?.frame ?? 0;
    const masks = this.studio.masks.get(clip.id, frame)?.masks ?? [];
    return clip.objects
      .filter((each) => each.visible)
      .flatMap(({ id, color, combine }) => {
        const own = masks.find((each) => each.object === id)?.rle;
        const rle = this.override?.object === id ? this.override.rle : own;
        return rle === undefined ? [] : [{ rle, color: rgb(color), combine }];
      });
  }
}

/**
 * The plain canvas, drawn by a worker of its own: without a graphics card a drawing takes tens of milliseconds,
 * for which the page would not answer.
 *
 * One drawing is on its way at a time. What comes meanwhile waits here, and only the newest of it is drawn; so a
 * slow machine leaves pictures out and does not fall behind.
 */

import type { Size } from "@/core/types";
import type { Picture } from "@/media/player";
import { sameLayers } from "./canvas2d";
import type { Compositor, Layer, Scene } from "./scene";

export type Order =
  | { readonly canvas: OffscreenCanvas }
  | {
      readonly size: Size | null; // null: as it is
      readonly picture: Picture | null; // null: the one before
      readonly scene: Omit<Scene, "layers">;
      readonly layers: readonly Layer[] | null; // null: those before
    };

export function createCanvas2dApart(canvas: HTMLCanvasElement): Compositor {
  return new Canvas2dApart(canvas.transferControlToOffscreen());
}

class Canvas2dApart implements Compositor {
  readonly kind = "canvas2d";
  readonly lost: Promise<string>;
  private readonly worker: Worker;
  private drawing = false;
  private size: Size | null = null;
  private picture: Picture | null = null;
  private scene: Scene | null = null; // the newest, not drawn yet
  private layers: readonly Layer[] | null = null; // that the worker has

  constructor(canvas: OffscreenCanvas) {
    this.worker = new Worker(new URL("./canvas2d_worker.ts", import.meta.url), {
      type: "module",
      name: "splitmask stage",
    });
    this.lost = new Promise((say) => {
      this.worker.addEventListener(
        "error",
        (event) => say(event.message || "The stage's script is missing"),
        {
          once: true,
        },
      );
    });
    this.worker.addEventListener("message", () => {
      this.drawing = false;
      this.next();
    });
    this.worker.postMessage({ canvas } satisfies Order, [canvas]);
  }

  resize(size: Size): void {
    this.size = size; // with the next drawing, lest the stage be empty until then
  }

  setPicture(picture: Picture): void {
    this.picture?.close();
    this.picture = picture;
  }

  draw(scene: Scene): void {
    this.scene = scene;
    this.next();
  }

  dispose(): void {
    this.worker.terminate();
    this.picture?.close();
    this.picture = this.scene = null;
  }

  private next(): void {
    if (this.drawing || this.scene === null) return;
    const { size, picture, layers: had } = this;
    const { layers, ...scene } = this.scene;
    // masks that did not change are not sent again, and the worker knows them by that
    const same = had !== null && sameLayers(had, layers);
    const order: Order = { size, picture, scene, layers: same ? null : layers };
    this.worker.postMessage(order, picture === null ? [] : [picture]);
    this.drawing = true;
    this.layers = layers;
    this.size = this.picture = this.scene = null;
  }
}

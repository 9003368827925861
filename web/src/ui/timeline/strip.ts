/** Draws how an object stands on each frame: how sure its masks are, where it is away, where they are stale. */

import type { ObjectStrip } from "@/worker/contract";
import { left, type Scale } from "./scale";

export interface StripInks {
  readonly object: string;
  readonly away: string;
  readonly hatch: string;
}

export function drawStrip(
  canvas: HTMLCanvasElement,
  strip: ObjectStrip,
  scale: Scale,
  inks: StripInks,
): void {
  const ratio = devicePixelRatio;
  const height = canvas.clientHeight;
  canvas.width = Math.max(1, Math.round(scale.width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(ratio, ratio);
  drawBars(context, strip, scale, height, inks);
  for (const [from, until] of strip.stale)
    drawStale(context, left(scale, from), left(scale, until), height, inks);
}

/** A column of pixels at least, however many frames it stands for: of these the least sure one shows. */
function drawBars(
  context: CanvasRenderingContext2D,
  strip: ObjectStrip,
  scale: Scale,
  height: number,
  inks: StripInks,
): void {
  const columns = Math.min(Math.ceil(scale.width), scale.frames);
  const gap = scale.width / columns > 5 ? 1 : 0;
  for (let i = 0; i < columns; i++) {
    const from = Math.floor((i * scale.frames) / columns);
    const until = Math.max(from + 1, Math.floor(((i + 1) * scale.frames) / columns));
    const worst = leastSure(strip, from, until);
    if (worst === null) continue;
    const [x, next] = [left(scale, from), left(scale, until)];
    const width = Math.max(1, next - x - gap);
    context.fillStyle = worst.present ? inks.object : inks.away;
    context.globalAlpha = worst.present ? 0.45 + 0.55 * worst.score : 1;
    const tall = worst.present ? Math.max(3, worst.score * height) : 2;
    context.fillRect(x, height - tall, width, tall);
  }
  context.globalAlpha = 1;
}

function leastSure(
  strip: ObjectStrip,
  from: number,
  until: number,
): { score: number; present: boolean } | null {
  let found: { score: number; present: boolean } | null = null;
  for (let frame = from; frame < until; frame++) {
    const score = strip.score[frame] ?? Number.NaN;
    if (Number.isNaN(score)) continue;
    const present = (strip.presence[frame] ?? 0) > 0 && (strip.area[frame] ?? 1) > 0;
    if (found === null || score < found.score) found = { score: Math.max(0, Math.min(1, score)), present };
  }
  return found;
}

function drawStale(
  context: CanvasRenderingContext2D,
  x0: number,
  x1: number,
  height: number,
  inks: StripInks,
): void {
  context.save();
  context.beginPath();
  context.rect(x0, 0, x1 - x0, height);
  context.clip();
  context.strokeStyle = inks.hatch;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let x = x0 - height; x < x1; x += 6) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

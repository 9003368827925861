import { memo, useEffect, useRef } from "react";
import { report } from "@/state/notices";
import { useStudio } from "@/ui/studio";
import type { ClipInfo } from "@/worker/contract";
import type { Scale } from "./scale";

const HEIGHT = 44;
const BATCH = 4; // pictures a request: the first ones are there at once

/** Pictures along the track, as many as fit side by side. */
export const Filmstrip = memo(function Filmstrip({ info, scale }: { info: ClipInfo; scale: Scale }) {
  const studio = useStudio();
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = Math.round(scale.width);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || width === 0) return;
    const state = { stopped: false };
    const timer = setTimeout(() => {
      fill(element, width).catch((error) => {
        if (!state.stopped) report(studio, error);
      });
    }, 120);

    async function fill(target: HTMLCanvasElement, across: number): Promise<void> {
      const ratio = Math.min(2, devicePixelRatio);
      target.width = Math.round(across * ratio);
      target.height = HEIGHT * ratio;
      const context = target.getContext("2d");
      const each = Math.max(24, (HEIGHT * info.width) / info.height);
      const count = Math.min(120, Math.ceil(across / each));
      const frames = Array.from({ length: count }, (_, i) =>
        Math.min(info.frames - 1, Math.floor((((i + 0.5) * each) / across) * info.frames)),
      );
      for (let start = 0; start < count && !state.stopped; start += BATCH) {
        const wanted = frames.slice(start, start + BATCH);
        const pictures = await studio.worker.thumbnails(info.id, wanted, HEIGHT * ratio);
        pictures.forEach((picture, i) => {
          if (!state.stopped)
            context?.drawImage(picture, (start + i) * each * ratio, 0, each * ratio, HEIGHT * ratio);
          picture.close();
        });
      }
    }

    return () => {
      state.stopped = true;
      clearTimeout(timer);
    };
  }, [studio, info, width]);
  return (
    <canvas
      ref={canvas}
      aria-hidden
      className="block rounded-md bg-raised"
      style={{ width: scale.width, height: HEIGHT }}
    />
  );
});

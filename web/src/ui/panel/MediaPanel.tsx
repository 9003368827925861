/** The clips of the project. */

import { Film, FolderOpen, Image as ImageIcon, Package, Play, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { action, perform } from "@/actions/table";
import { selectClip } from "@/state/clips";
import { report } from "@/state/notices";
import { removeClip } from "@/state/projects/projects";
import { clock } from "@/state/timecode";
import { Button, cx } from "@/ui/kit";
import { useDoc, useLive, useStudio } from "@/ui/studio";
import type { ClipId } from "@/worker/contract";

const KINDS = { video: Film, image: ImageIcon, bundle: Package } as const;

export function MediaPanel() {
  const studio = useStudio();
  const order = useDoc((doc) => doc.order);
  return (
    <div className="flex flex-col gap-3 p-4">
      <div className="grid grid-cols-2 gap-2">
        <Button icon={FolderOpen} onClick={() => perform(studio, action("file.open"))}>
          Open…
        </Button>
        <Button icon={Play} onClick={() => perform(studio, action("file.sample"))}>
          Sample clip
        </Button>
      </div>
      <ul className="flex flex-col gap-1">
        {order.map((id) => (
          <ClipRow key={id} id={id} />
        ))}
      </ul>
    </div>
  );
}

function ClipRow({ id }: { id: ClipId }) {
  const studio = useStudio();
  const clip = useDoc((doc) => doc.clips[id]);
  const [info, selected] = useLive((live) => [live.infos[id], live.clip === id] as const);
  if (clip === undefined) return null;
  const Icon = KINDS[clip.kind];
  return (
    <li
      className={cx(
        "group flex items-center gap-2 rounded-lg p-1.5",
        selected ? "bg-marker-soft" : "hover:bg-hover",
      )}
    >
      <button
        type="button"
        aria-pressed={selected}
        disabled={info === undefined}
        onClick={() => selectClip(studio, id)}
        className="flex min-w-0 grow items-center gap-3 text-left disabled:opacity-60"
      >
        <Thumb id={id} ready={info !== undefined} />
        <span className="min-w-0">
          <span className={cx("flex items-center gap-1.5", selected && "font-semibold")}>
            <Icon size={14} className="shrink-0 text-ink-3" aria-hidden />
            <span className="truncate">{clip.name}</span>
          </span>
          <span className="tabular block text-xs text-ink-2">
            {info === undefined
              ? "The file is needed: drop it on the page"
              : `${info.width} × ${info.height}${info.frames > 1 ? ` · ${clock(info.duration)} · ${info.codec}` : ""}`}
          </span>
        </span>
      </button>
      <button
        type="button"
        aria-label={`Close ${clip.name}`}
        onClick={() => void removeClip(studio, id)}
        className="touch-target grid size-7 shrink-0 place-items-center rounded-md text-ink-3 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 hover:bg-hover hover:text-ink pointer-coarse:opacity-100"
      >
        <X size={14} aria-hidden />
      </button>
    </li>
  );
}

function Thumb({ id, ready }: { id: ClipId; ready: boolean }) {
  const studio = useStudio();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    if (!ready) return;
    studio.worker.thumbnails(id, [0], 72).then(
      ([bitmap]) => {
        const [element, context] = [canvas.current, canvas.current?.getContext("2d")];
        if (bitmap === undefined || element === null || context == null) return;
        element.width = bitmap.width;
        element.height = bitmap.height;
        context.drawImage(bitmap, 0, 0);
        bitmap.close();
        setDrawn(true);
      },
      (error) => report(studio, error),
    );
  }, [studio, id, ready]);
  return (
    <canvas
      ref={canvas}
      aria-hidden
      className={cx("h-10 w-16 shrink-0 rounded-md bg-raised object-cover", !drawn && "opacity-60")}
    />
  );
}

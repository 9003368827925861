import { Pause, Play, Volume2, VolumeX } from "lucide-react";
import { action, perform } from "@/actions/table";
import { hasSound } from "@/state/studio";
import { clock, rateOf } from "@/state/timecode";
import { cx, IconButton, Tip } from "@/ui/kit";
import { ActionButton } from "@/ui/stage/StageBar";
import { useInfo, useLive, useStudio } from "@/ui/studio";

export function Transport({ children }: { children?: React.ReactNode }) {
  const info = useInfo();
  const loop = useLive((live) => live.loop);
  if (info === null || info.frames < 2) return null;
  const rate = rateOf(info);
  return (
    <div className="flex h-12 shrink-0 items-center gap-1 px-2 sm:px-3" role="toolbar" aria-label="Transport">
      <div className="flex items-center sm:flex-none">
        <span className="hidden sm:contents">
          <ActionButton name="play.first" />
          <ActionButton name="play.mark.back" />
        </span>
        <ActionButton name="play.back" />
        <PlayButton />
        <ActionButton name="play.on" />
        <span className="hidden sm:contents">
          <ActionButton name="play.mark.on" />
          <ActionButton name="play.last" />
          <ActionButton name="play.loop" pressed={loop} />
        </span>
      </div>
      <SoundButton />
      <Position />
      <span className="tabular hidden pl-2 text-xs text-ink-3 lg:inline">
        {rate.toFixed(rate % 1 < 0.005 ? 0 : 2)} fps{info.variableRate ? ", varying" : ""} · {info.width} ×{" "}
        {info.height}
      </span>
      <span className="grow" />
      {children}
    </div>
  );
}

function PlayButton() {
  const studio = useStudio();
  const playing = useLive((live) => live.playing);
  const Icon = playing ? Pause : Play;
  return (
    <Tip label={playing ? "Pause" : "Play"} keys="Space">
      <button
        type="button"
        aria-label={playing ? "Pause" : "Play"}
        onClick={() => perform(studio, action("play.toggle"))}
        className="mx-1 grid size-9 place-items-center rounded-full bg-ink text-panel transition-transform hover:scale-105 pointer-coarse:size-11"
      >
        <Icon size={16} fill="currentColor" className={cx(!playing && "translate-x-px")} aria-hidden />
      </button>
    </Tip>
  );
}

/** Only where there is something to be heard. */
function SoundButton() {
  const studio = useStudio();
  const muted = useLive((live) => live.muted);
  if (!hasSound(studio)) return null;
  const item = action("play.sound");
  return (
    <IconButton
      icon={muted ? VolumeX : Volume2}
      label={muted ? "Sound on" : "Sound off"}
      keys={item.keys?.[0]}
      onClick={() => perform(studio, item)}
    />
  );
}

function Position() {
  const info = useInfo();
  const frame = useLive((live) => live.frame);
  if (info === null) return null;
  return (
    <p className="tabular flex items-baseline gap-2 pl-2 whitespace-nowrap">
      <span className="font-medium">{clock(info.timestamps[frame] ?? 0)}</span>
      <span className="hidden text-ink-3 sm:inline">/ {clock(info.duration)}</span>
      <span className="rounded-md bg-raised px-1.5 py-0.5 text-xs text-ink-2" data-frame={frame}>
        {frame + 1} / {info.frames}
      </span>
    </p>
  );
}

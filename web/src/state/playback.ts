/** Frames for the stage: while scrubbing the newest one asked for, while playing one after the other. */

import type { Picture, Playback } from "@/media/player";
import { ensureMasks } from "@/state/clips";
import { report } from "@/state/notices";
import { currentClip, currentInfo, rangeOf, type Studio } from "@/state/studio";

export interface Screen {
  /** Takes the picture over and closes it when the next one comes. */
  show(picture: Picture, frame: number): void;
}

/** Feeds the screen from now on; returns how to stop. */
export function feed(studio: Studio, screen: Screen): () => void {
  let playback: Playback | null = null;

  function scrub(): void {
    const { clip, frame } = studio.live.getState();
    const source = clip === null ? undefined : studio.sources.get(clip);
    if (clip === null || source === undefined) return;
    ensureMasks(studio, clip, frame);
    source.frameAt(Math.min(frame, source.frames - 1)).then(
      (picture) => {
        if (picture !== null) screen.show(picture, frame);
      },
      (error) => report(studio, error),
    );
  }

  function start(): void {
    const info = currentInfo(studio);
    const clip = currentClip(studio);
    const source = info === null ? undefined : studio.sources.get(info.id);
    if (info === null || clip === null || source === undefined || source.frames < 2) {
      stop();
      return;
    }
    const [from, until] = rangeOf(clip, info);
    const { frame, loop, muted } = studio.live.getState();
    source.muted = muted;
    const begin = frame >= until - 1 || frame < from ? from : frame;
    const mine = source.play(begin, (at, picture) => advance(info.id, at, picture, screen), { until });
    playback = mine;
    mine.ended.then(
      () => finish(mine, loop),
      (error) => {
        report(studio, error);
        finish(mine, false);
      },
    );
  }

  function advance(clip: string, at: number, picture: Picture, screen: Screen): void {
    studio.live.setState({ frame: at, hover: null });
    ensureMasks(studio, clip, at);
    screen.show(picture, at);
  }

  function finish(mine: Playback, loop: boolean): void {
    if (playback !== mine) return;
    playback = null;
    if (loop && studio.live.getState().playing) start();
    else studio.live.setState({ playing: false });
  }

  function stop(): void {
    playback?.stop();
    playback = null;
    studio.live.setState({ playing: false });
  }

  const unsubscribe = studio.live.subscribe((now, before) => {
    if (now.muted !== before.muted) for (const source of studio.sources.values()) source.muted = now.muted;
    if (now.playing && !before.playing) start();
    if (!now.playing && before.playing) {
      playback?.stop();
      playback = null;
    }
    const opened = now.clip !== null && now.infos[now.clip] !== before.infos[now.clip];
    if (!now.playing && (now.frame !== before.frame || now.clip !== before.clip || opened)) scrub();
  });
  scrub();
  return () => {
    unsubscribe();
    playback?.stop();
  };
}

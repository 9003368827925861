/** Encodes the frame under the playhead before the first click on it, once the playhead rests. */

import type { Studio } from "@/state/studio";

const REST = 120; // milliseconds

/** From now on; returns how to stop. */
export function encodeAhead(studio: Studio): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let done = "";

  function go(): void {
    const { clip, frame, infos, active, playing, run, model } = studio.live.getState();
    if (clip === null || infos[clip] === undefined || !active || playing || run !== null) return;
    if (model?.status !== "ready") return;
    const wanted = `${model.id} ${clip} ${frame}`;
    if (wanted === done) return;
    done = wanted;
    studio.worker.prepare(clip, frame).catch(() => {
      done = ""; // the click that needs it says why it fails
    });
  }

  const stop = studio.live.subscribe((now, before) => {
    const still = now.frame === before.frame && now.clip === before.clip && now.infos === before.infos;
    const same = now.active === before.active && now.playing === before.playing && now.run === before.run;
    if (still && same && now.model === before.model) return;
    clearTimeout(timer);
    timer = setTimeout(go, REST);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}

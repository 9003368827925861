/** The sound of a clip while it plays: decoded a little ahead, on the browser's audio clock. */

import { AudioBufferSink, type Input } from "mediabunny";

const AHEAD = 0.8; // seconds that are decoded before they are heard
const PATIENCE = 400; // milliseconds for the device to start; without a click on the page it never does

export class Sound {
  private readonly sink: AudioBufferSink;
  private context: AudioContext | null = null; // begun with the first play: a page may not make one unasked
  private gain: GainNode | null = null;
  private silent = false;
  private run: Run | null = null;

  private constructor(sink: AudioBufferSink) {
    this.sink = sink;
  }

  /** null: the file has no sound, or none that this browser decodes. */
  static async of(input: Input): Promise<Sound | null> {
    const track = await input.getPrimaryAudioTrack();
    if (track === null || typeof AudioContext === "undefined" || !(await track.canDecode())) return null;
    return new Sound(new AudioBufferSink(track));
  }

  set muted(muted: boolean) {
    this.silent = muted;
    if (this.gain !== null) this.gain.gain.value = muted ? 0 : 1;
  }

  /** Sounds from `from` to `until`, seconds of the file; gives the milliseconds after which it is heard. */
  async start(from: number, until: number): Promise<number> {
    this.stop();
    const [context, output] = this.open();
    await Promise.race([context.resume(), sleep(PATIENCE)]);
    if (context.state !== "running") return 0;
    const run: Run = { context, output, from, zero: context.currentTime, nodes: new Set(), over: false };
    this.run = run;
    void this.fill(run, until).catch(() => undefined); // a damaged track is heard up to there
    return (context.outputLatency || context.baseLatency || 0) * 1000;
  }

  stop(): void {
    if (this.run === null) return;
    this.run.over = true;
    for (const node of this.run.nodes) node.stop();
    this.run = null;
  }

  async close(): Promise<void> {
    this.stop();
    await this.context?.close();
  }

  private open(): readonly [AudioContext, GainNode] {
    this.context ??= new AudioContext({ latencyHint: "playback" });
    if (this.gain === null) {
      this.gain = this.context.createGain();
      this.gain.gain.value = this.silent ? 0 : 1;
      this.gain.connect(this.context.destination);
    }
    return [this.context, this.gain];
  }

  private async fill(run: Run, until: number): Promise<void> {
    for await (const { buffer, timestamp } of this.sink.buffers(run.from, until)) {
      if (run.over) return;
      schedule(run, buffer, timestamp);
      while (!run.over && run.zero + timestamp - run.from > run.context.currentTime + AHEAD) await sleep(100);
    }
  }
}

interface Run {
  readonly context: AudioContext;
  readonly output: AudioNode;
  readonly from: number; // seconds of the file
  readonly zero: number; // the audio clock's time at `from`
  readonly nodes: Set<AudioBufferSourceNode>; // that are still to be heard
  over: boolean;
}

/** At its time; of a buffer that comes late, what is left of it. */
function schedule(run: Run, buffer: AudioBuffer, timestamp: number): void {
  const at = run.zero + timestamp - run.from;
  const late = Math.max(0, run.context.currentTime - at);
  if (late >= buffer.duration) return;
  const node = run.context.createBufferSource();
  node.buffer = buffer;
  node.connect(run.output);
  node.addEventListener("ended", () => run.nodes.delete(node));
  node.start(at + late, late);
  run.nodes.add(node);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

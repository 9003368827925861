/** The worker's side of the contract: brings models, clips and sessions together. */

import { type Fault, SplitmaskError, toFault } from "@/core/errors";
import type { FrameMasks, Prompt, Rle } from "@/core/types";
import type { Provider } from "@/engine/base";
import { keepResult, readResult } from "@/export/result_in";
import { writeResult } from "@/export/result_out";
import { takeAway } from "@/export/table";
import { type ModelStore, openModelStore, pageFolder } from "@/models/store";
import type { ModelEntry, ModelId, ModelState } from "@/models/types";
import { fetched } from "@/offline/register";
import { prominentClick } from "@/session/prominent";
import { removeOthers, storedBytes } from "@/store/open";
import { Clips } from "./clips";
import type {
  ClipId,
  ClipInfo,
  Decision,
  ObjectStrip,
  RunRequest,
  RunSummary,
  Segmenter,
  StorageReport,
  TakeAwayRequest,
  WorkerEvent,
} from "./contract";

export class Host implements Segmenter {
  private readonly clips = new Clips();
  private readonly store: Promise<ModelStore>;
  private loaded: ModelId | null = null;
  private tell: (event: WorkerEvent) => void = () => {};

  constructor() {
    this.store = openModelStore({
      base: pageFolder(),
      onState: (state) => this.tell({ type: "model", state }),
      onReplace: (engine) => this.clips.leave(engine),
    });
  }

  async connect(listener: (event: WorkerEvent) => void): Promise<void> {
    this.tell = listener;
  }

  // models/

  async models(): Promise<readonly ModelEntry[]> {
    return (await this.store).entries();
  }

  async loadModel(id: ModelId, prefer: Provider | null): Promise<ModelState> {
    const store = await this.store;
    const engine = await store.load(id, prefer);
    const before = this.loaded;
    this.loaded = id;
    await this.clips.use(engine);
    if (before !== null && before !== id) await store.unload(before);
    return store.state(id);
  }

  async addModel(name: string, files: readonly File[]): Promise<ModelEntry> {
    return (await this.store).add(name, files);
  }

  async cancelDownload(id: ModelId): Promise<void> {
    (await this.store).cancel(id);
  }

  async removeModel(id: ModelId): Promise<void> {
    if (this.loaded === id) {
      this.loaded = null;
      await this.clips.use(null);
    }
    await (await this.store).remove(id);
  }

  async storage(): Promise<StorageReport> {
    return { ...(await (await this.store).report()), results: await storedBytes() };
  }

  // media/

  async openClip(id: ClipId, file: File): Promise<ClipInfo> {
    const clip = await this.clips.openFile(id, file);
    const { volatile } = clip.results;
    if (volatile !== null) this.tell({ type: "volatile", text: volatile });
    return clip.info;
  }

  closeClip(id: ClipId): Promise<void> {
    return this.clips.close(id);
  }

  keepResults(ids: readonly ClipId[]): Promise<void> {
    return removeOthers(ids);
  }

  async thumbnails(id: ClipId, frames: readonly number[], height: number): Promise<readonly ImageBitmap[]> {
    return (await this.clips.at(id)).clip.thumbnails.at(frames, height);
  }

  // session/

  async prepare(id: ClipId, frame: number): Promise<void> {
    const clip = await this.clips.ready(id);
    await clip.session.prepare(frame, clip.ask("prepare"));
  }

  async prompt(id: ClipId, object: number, frame: number, prompt: Prompt): Promise<Decision | null> {
    const clip = await this.clips.ready(id);
    return clip.session.addPrompt(object, frame, prompt, clip.ask(`prompt ${object} ${frame}`));
  }

  async removePrompt(id: ClipId, object: number, frame: number): Promise<ObjectStrip> {
    const clip = await this.clips.at(id);
    clip.ask(`prompt ${object} ${frame}`);
    await clip.session.removePrompt(object, frame);
    return clip.strip(object);
  }

  async removeObject(id: ClipId, object: number): Promise<void> {
    await (await this.clips.at(id)).session.removeObject(object);
  }

  async hover(id: ClipId, frame: number, x: number, y: number): Promise<Rle | null> {
    const clip = await this.clips.ready(id);
    const isOvertaken = clip.ask("hover");
    if (!clip.session.isEncoded(frame)) return null;
    return clip.session.preview(
      frame,
      { points: [{ x, y }], labels: [1], box: null, mask: null },
      isOvertaken,
    );
  }

  async autoDetect(id: ClipId, frame: number): Promise<{ readonly prompt: Prompt; readonly rle: Rle }> {
    const { session } = await this.clips.ready(id);
    const { size } = session.reader;
    const prompt = await session.ask(frame, (engine, features) => prominentClick(engine, features, size));
    const rle = await session.preview(frame, prompt, () => false);
    if (rle === null) throw new SplitmaskError("internal", "the frame's features are gone: try again");
    return { prompt, rle };
  }

  async run({ clip: id, start, reverse, maxFrames, stop = null }: RunRequest): Promise<RunSummary> {
    const clip = await this.clips.ready(id);
    const begin = performance.now();
    const seconds = () => (performance.now() - begin) / 1000;
    const options = { reverse, stop, redo: false, leadIn: false };
    const steps = clip.session.propagate(start, maxFrames, options);
    let frames = 0;
    const ended = (end: RunSummary["end"], fault: Fault | null) => ({
      frames,
      seconds: seconds(),
      end,
      fault,
    });
    for (let first = true; ; first = false) {
      try {
        const next = await steps.next();
        if (next.done) return ended(next.value, null);
        const { masks, done, total } = next.value;
        frames = done;
        clip.marks.pass(masks);
        this.tell({ type: "run", clip: id, masks, done, total, fps: done / seconds() });
      } catch (error) {
        if (first) throw error; // nothing was begun
        return ended("failed", toFault(error));
      }
    }
  }

  async stop(id: ClipId): Promise<void> {
    (await this.clips.at(id)).session.stop();
  }

  async masks(id: ClipId, frames: readonly number[]): Promise<readonly FrameMasks[]> {
    const { session } = await this.clips.at(id);
    return frames.map((frame) => session.masks(frame));
  }

  async strips(id: ClipId): Promise<readonly ObjectStrip[]> {
    const clip = await this.clips.at(id);
    return clip.session.objects.map((object) => clip.strip(object));
  }

  async clear(id: ClipId): Promise<void> {
    await (await this.clips.at(id)).session.clear();
  }

  // export/

  async takeAway(request: TakeAwayRequest, progress: (share: number) => void): Promise<Blob> {
    const { clip, session, writing } = await this.clips.at(request.clip);
    const job = { request, progress, signal: writing.begin() };
    return takeAway({ clip, masks: (frame) => session.masks(frame).masks }, job);
  }

  async exportResult(id: ClipId, labels: TakeAwayRequest["labels"], keepsake = false): Promise<string> {
    const clip = await this.clips.at(id);
    const sha256 = keepsake ? "" : await clip.sha256();
    return writeResult(clip.clip, sha256, clip.session, this.clips.modelInfo, labels);
  }

  async importResult(id: ClipId, json: string): Promise<readonly ObjectStrip[]> {
    const clip = await this.clips.at(id);
    const result = readResult(json, clip.clip);
    await clip.session.clear();
    clip.session.restore(keepResult(result, clip.results.store));
    for (const frame of clip.session.frames()) clip.marks.pass(clip.session.masks(frame));
    return this.strips(id);
  }

  async cancelTakeAway(id: ClipId): Promise<void> {
    (await this.clips.at(id)).writing.cancel();
  }

  async fetched(): Promise<readonly string[]> {
    return fetched();
  }

  async counters(id: ClipId): Promise<{ readonly encodes: number }> {
    return { encodes: (await this.clips.at(id)).session.encodes };
  }
}

/** The model's life as the panel shows it. */

import { lower, raise, report, sentence } from "@/state/notices";
import { type Studio, say } from "@/state/studio";
import type { ModelId, ModelState, Provider } from "@/worker/contract";

const CHOSEN = "splitmask.model";
const COMPUTES = "splitmask.provider";

/** What the person wants to compute on; null: the fastest that computes rightly. */
export function storedProvider(): Provider | null {
  const kept = localStorage.getItem(COMPUTES);
  return kept === "webgpu" || kept === "wasm" ? kept : null;
}

export function setProvider(studio: Studio, prefer: Provider | null): void {
  if (prefer === null) localStorage.removeItem(COMPUTES);
  else localStorage.setItem(COMPUTES, prefer);
  studio.live.setState({ prefer });
  const { model } = studio.live.getState();
  if (model !== null && model.status !== "absent") void loadModel(studio, model.id);
}

/** Lists the models and loads the last one chosen, if that asks for no download. */
export async function startModels(studio: Studio): Promise<void> {
  try {
    const models = await studio.worker.models();
    const wanted = localStorage.getItem(CHOSEN);
    const known =
      models.find((each) => each.id === wanted) ?? models.find((each) => each.bundled) ?? models[0];
    studio.live.setState({ models, ...(known === undefined ? {} : { modelId: known.id }) });
    if (known !== undefined && (known.bundled || known.stored)) await loadModel(studio, known.id);
  } catch (error) {
    report(studio, error, { label: "Try again", go: () => void startModels(studio) });
  }
}

export async function loadModel(studio: Studio, id: ModelId): Promise<void> {
  localStorage.setItem(CHOSEN, id);
  if (studio.live.getState().modelId !== id) studio.told.clear(); // another model has heard nothing yet
  studio.live.setState({ modelId: id });
  const { prefer } = studio.live.getState();
  try {
    onModel(studio, await studio.worker.loadModel(id, prefer));
    studio.live.setState({ models: await studio.worker.models() });
  } catch (error) {
    const { model } = studio.live.getState();
    if (model?.status !== "error") report(studio, error);
  }
}

export function chooseModel(studio: Studio, id: ModelId): void {
  const entry = studio.live.getState().models.find((each) => each.id === id);
  if (entry === undefined) return;
  if (entry.bundled || entry.stored) void loadModel(studio, id);
  else studio.live.setState({ modelId: id, model: absent(id, entry.bytes) });
}

function absent(id: ModelId, total: number): ModelState {
  const nothing = { provider: null, description: "", fallback: null, fault: null };
  return { id, status: "absent", loaded: 0, total, rate: 0, ...nothing };
}

export function onModel(studio: Studio, state: ModelState): void {
  const before = studio.live.getState();
  if (state.id !== before.modelId) return;
  studio.live.setState({ model: state });
  if (state.status === before.model?.status && state.fallback === before.model.fallback) return;
  if (state.status === "ready") say(studio, `The model is ready: ${state.description}`);
  if (state.status === "error") say(studio, `The model could not be loaded: ${state.fault?.message ?? ""}`);
  warnOfFallback(studio, state);
}

function warnOfFallback(studio: Studio, state: ModelState): void {
  if (state.status !== "ready" || state.fallback === null) lower(studio, "provider");
  else
    raise(studio, {
      key: "provider",
      level: "info",
      title: "WebGPU recommended",
      text: `${sentence(state.fallback)}, so the model runs on the processor: slower, with the same masks.`,
      way: null,
    });
}

/** Files of a model, dropped on the page. */
export async function addModel(studio: Studio, name: string, files: readonly File[]): Promise<void> {
  try {
    const entry = await studio.worker.addModel(name, files);
    studio.live.setState({ models: await studio.worker.models() });
    await loadModel(studio, entry.id);
  } catch (error) {
    report(studio, error);
  }
}

export async function removeModel(studio: Studio, id: ModelId): Promise<void> {
  try {
    await studio.worker.removeModel(id);
    studio.live.setState({ models: await studio.worker.models() });
  } catch (error) {
    report(studio, error);
  }
}

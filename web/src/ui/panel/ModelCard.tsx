/** The model: what it is, how it is getting on, and what to do about it. */

import { Download, RotateCcw } from "lucide-react";
import { loadModel } from "@/state/models";
import { titleOf } from "@/state/notices";
import { bytes, span } from "@/state/timecode";
import { Button, cx, Progress } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";
import type { ModelEntry, ModelState } from "@/worker/contract";
import { ModelMenu } from "./ModelMenu";

const LAMPS = {
  absent: "border border-edge",
  downloading: "bg-marker breathe",
  loading: "bg-marker breathe",
  ready: "bg-good",
  error: "bg-bad",
} as const;

const WORDS = {
  absent: "Not downloaded",
  downloading: "Downloading",
  loading: "Loading",
  ready: "Ready",
  error: "Error",
} as const;

export function ModelCard() {
  const [models, modelId, model] = useLive((live) => [live.models, live.modelId, live.model] as const);
  const entry = models.find((each) => each.id === modelId);
  const status = model?.status ?? "loading";
  return (
    <section className="px-4 py-3" aria-label="Model" data-model={status}>
      <div className="flex items-center gap-2.5">
        <span className={cx("size-2.5 shrink-0 rounded-full", LAMPS[status])} aria-hidden />
        <div className="min-w-0 grow">
          <ModelMenu models={models} entry={entry} />
        </div>
        <span className="shrink-0 text-ink-2" data-model-word>
          {WORDS[status]}
          {status === "ready" && model?.provider === "webgpu" && " · WebGPU"}
          {status === "ready" && model?.provider === "wasm" && " · WASM"}
        </span>
      </div>
      {model !== null && <Detail state={model} entry={entry} />}
    </section>
  );
}

function Detail({ state, entry }: { state: ModelState; entry: ModelEntry | undefined }) {
  const studio = useStudio();
  if (state.status === "absent") {
    return (
      <div className="mt-2">
        <p className="text-ink-2">A download of {bytes(state.total)}, once. It stays in this browser.</p>
        <Button
          look="primary"
          icon={Download}
          className="mt-2 w-full"
          onClick={() => void loadModel(studio, state.id)}
        >
          Download
        </Button>
      </div>
    );
  }
  if (state.status === "downloading") return <Downloading state={state} />;
  if (state.status === "error") {
    return (
      <div className="mt-2 rounded-lg bg-bad-soft p-3" role="alert">
        <p className="font-medium text-bad">
          {state.fault === null ? "It did not load" : titleOf(state.fault)}
        </p>
        <p className="mt-0.5 text-ink-2">{state.fault?.message}</p>
        <span className="mt-2 flex gap-2">
          <Button icon={RotateCcw} onClick={() => void loadModel(studio, state.id)}>
            Retry
          </Button>
          {state.fault?.code === "storage.full" && (
            <Button onClick={() => studio.live.setState({ dialog: "storage" })}>Storage…</Button>
          )}
        </span>
      </div>
    );
  }
  const text = state.status === "ready" ? state.description : (entry?.about ?? "");
  return (
    <p className="mt-0.5 truncate pl-5 text-xs text-ink-3" title={text}>
      {text}
    </p>
  );
}

function Downloading({ state }: { state: ModelState }) {
  const studio = useStudio();
  const share = state.total > 0 ? state.loaded / state.total : null;
  const left = state.rate > 0 ? span((state.total - state.loaded) / state.rate) : null;
  return (
    <div className="mt-2">
      <Progress label="Download" share={share} />
      <div className="tabular mt-1.5 flex items-center justify-between gap-2 text-ink-2">
        <span>
          {share !== null && `${Math.round(share * 100)} % · `}
          {bytes(state.loaded)} of {bytes(state.total)}
          {state.rate > 0 && ` · ${bytes(state.rate)}/s`}
          {left !== null && ` · ${left}`}
        </span>
        <Button look="quiet" onClick={() => void studio.worker.cancelDownload(state.id)}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

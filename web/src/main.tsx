import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "@/styles/studio.css";
import { previewOf } from "@/api/bundles";
import { keepOffline, registerOffline } from "@/offline/register";
import { encodeAhead } from "@/state/ahead";
import { setPreview, watchIsolation } from "@/state/clips";
import { onModel, startModels, storedProvider } from "@/state/models";
import { notify, onVolatile, report } from "@/state/notices";
import { resume } from "@/state/projects/projects";
import { startSaving } from "@/state/projects/saving";
import { createStudio, type Studio } from "@/state/studio";
import { keepInStep } from "@/state/sync";
import { followSystem, storedTheme } from "@/state/theme";
import { onRunEvent } from "@/state/tracking";
import { App } from "@/ui/App";
import type { StagePainter } from "@/ui/stage/painter";
import { connectSegmenter } from "@/worker/client";
import type { WorkerEvent } from "@/worker/contract";

let studio: Studio | null = null;
let painter: StagePainter | null = null;

function hear(event: WorkerEvent): void {
  if (studio === null) return;
  if (event.type === "model") {
    onModel(studio, event.state);
    if (event.state.status === "ready") void studio.worker.fetched().then(keepOffline);
  } else if (event.type === "run") onRunEvent(studio, event);
  else onVolatile(studio, event.text);
}

async function start(root: HTMLElement): Promise<void> {
  const made = createStudio(await connectSegmenter(hear), {
    theme: storedTheme(),
    prefer: storedProvider(),
  });
  studio = made;
  setPreview(previewOf);
  followSystem(made);
  keepInStep(made);
  encodeAhead(made);
  startSaving(made, () => painter?.snapshot() ?? Promise.resolve(null));
  createRoot(root).render(
    <StrictMode>
      <App studio={made} onPainter={setPainter} />
    </StrictMode>,
  );
  watchIsolation(made);
  watchNetwork(made);
  window.addEventListener("unhandledrejection", (event) => report(made, event.reason));
  void startModels(made);
  await resume(made);
}

function setPainter(next: StagePainter | null): void {
  painter = next;
}

function watchNetwork(made: Studio): void {
  window.addEventListener("offline", () => {
    const text = "Everything that is open goes on working; downloads and remote encoding wait.";
    notify(made, { level: "info", title: "Offline", text });
  });
}

const root = document.getElementById("root");
if (root !== null) {
  void registerOffline();
  void start(root).catch((error) => {
    root.textContent = `splitmask studio could not start: ${error instanceof Error ? error.message : error}`;
  });
}

/** Files that are dropped on the page or pasted into it: media, projects, bundles, models. */

import { bundleFromFolder } from "@/api/bundles";
import { addModel } from "@/state/models";
import { report } from "@/state/notices";
import { addFiles } from "@/state/projects/projects";
import type { Studio } from "@/state/studio";

/** Calls `onOver` with whether files hang over the page. Returns how to stop. */
export function listenToDrops(studio: Studio, onOver: (over: boolean) => void): () => void {
  const off = new AbortController();
  const { signal } = off;
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  let leaving: ReturnType<typeof setTimeout> | undefined;
  window.addEventListener(
    "dragover",
    (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      clearTimeout(leaving);
      onOver(true);
    },
    { signal },
  );
  window.addEventListener(
    "dragleave",
    () => {
      leaving = setTimeout(() => onOver(false), 80); // it leaves one element on the way to the next
    },
    { signal },
  );
  window.addEventListener(
    "drop",
    (event) => {
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      onOver(false);
      void take(studio, event.dataTransfer);
    },
    { signal },
  );
  window.addEventListener(
    "paste",
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) void addFiles(studio, files);
    },
    { signal },
  );
  return () => off.abort();
}

async function take(studio: Studio, transfer: DataTransfer): Promise<void> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const loose = [...transfer.files];
  try {
    for (const [i, entry] of entries.entries()) {
      const file = loose[i];
      if (entry?.isDirectory) await takeFolder(studio, entry as FileSystemDirectoryEntry);
      else if (file !== undefined && !isModelFile(file)) await addFiles(studio, [file]);
    }
    const model = loose.filter((file, i) => entries[i]?.isDirectory !== true && isModelFile(file));
    if (model.some((file) => file.name.endsWith(".onnx"))) await addModel(studio, nameOf(model), model);
  } catch (error) {
    report(studio, error);
  }
}

function isModelFile(file: File): boolean {
  return file.name.endsWith(".onnx") || file.name === "graphs.json";
}

function nameOf(files: readonly File[]): string {
  return (files.find((each) => each.name.endsWith(".onnx"))?.name ?? "model").replace(/\.onnx$/, "");
}

/** A folder is a bundle, a model, or a folder of media. */
async function takeFolder(studio: Studio, folder: FileSystemDirectoryEntry): Promise<void> {
  const files = await filesIn(folder);
  const bundle = await bundleFromFolder(files);
  if (bundle !== null) {
    await addFiles(studio, [new File([bundle], `${folder.name}.zip`, { type: bundle.type })]);
  } else if (files.some((file) => file.name.endsWith(".onnx"))) {
    await addModel(studio, folder.name, files.filter(isModelFile));
  } else {
    await addFiles(
      studio,
      files.filter((file) => /^(image|video)\//.test(file.type)),
    );
  }
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (batch.length === 0) break;
    entries.push(...batch);
  }
  const files = entries.filter((each) => each.isFile) as FileSystemFileEntry[];
  return Promise.all(files.map((each) => new Promise<File>((done, fail) => each.file(done, fail))));
}

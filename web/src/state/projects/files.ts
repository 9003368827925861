/** Copies of the clips' files in the browser's private file system, so that a project opens again by itself. */

import { SplitmaskError } from "@/core/errors";
import { bytes } from "@/state/timecode";
import type { ClipId } from "@/worker/contract";

const SPARE = 64e6; // bytes left to the model and the masks

async function folder(project: string, create: boolean): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const projects = await root.getDirectoryHandle("projects", { create });
  return projects.getDirectoryHandle(project, { create });
}

/** Throws SplitmaskError `storage.full` before anything is written. */
export async function keepFile(project: string, clip: ClipId, file: File): Promise<void> {
  const { quota = 0, usage = 0 } = await navigator.storage.estimate();
  if (file.size + SPARE > quota - usage) {
    const free = bytes(Math.max(0, quota - usage));
    const problem = `${file.name} takes ${bytes(file.size)}, ${free} are free`;
    throw new SplitmaskError("storage.full", `${problem}; it stays open until the tab is closed`);
  }
  try {
    const place = await (await folder(project, true)).getDirectoryHandle(clip, { create: true });
    const writer = await (await place.getFileHandle(file.name, { create: true })).createWritable();
    await file.stream().pipeTo(writer);
  } catch (error) {
    await forgetFile(project, clip); // not a part of it
    throw error;
  }
}

/** null: it was never kept, or has been cleared by the browser. */
export async function keptFile(project: string, clip: ClipId): Promise<File | null> {
  try {
    const place = await (await folder(project, false)).getDirectoryHandle(clip);
    for await (const handle of place.values()) {
      if (handle.kind === "file") return await (handle as FileSystemFileHandle).getFile();
    }
    return null;
  } catch {
    return null;
  }
}

export async function forgetFile(project: string, clip: ClipId): Promise<void> {
  try {
    await (await folder(project, false)).removeEntry(clip, { recursive: true });
  } catch {
    // it was not kept
  }
}

export async function forgetFiles(project: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    const projects = await root.getDirectoryHandle("projects");
    await projects.removeEntry(project, { recursive: true });
  } catch {
    // nothing was kept
  }
}

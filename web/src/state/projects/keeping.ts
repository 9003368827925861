/** Copies of clips' files for the next visit; what has found no room is tried again with each save. */

import { toFault } from "@/core/errors";
import { notify, textOf } from "@/state/notices";
import { keepFile } from "@/state/projects/files";
import type { Studio } from "@/state/studio";
import type { ClipId } from "@/worker/contract";

export async function keep(studio: Studio, clip: ClipId, file: File): Promise<void> {
  const { projectId, unkept } = studio.live.getState();
  if (projectId === null) return;
  try {
    await keepFile(projectId, clip, file);
  } catch (error) {
    studio.live.setState({ unkept: [...unkept, clip] });
    notify(studio, {
      level: "warning",
      title: "Not kept for next time",
      text: textOf(toFault(error)),
      way: { label: "Storage…", go: () => studio.live.setState({ dialog: "storage" }) },
    });
  }
}

/** Whether all files are kept now. */
export async function keepAgain(studio: Studio): Promise<boolean> {
  const { projectId, unkept } = studio.live.getState();
  for (const clip of unkept) {
    const file = studio.files.get(clip);
    const kept = projectId !== null && file !== undefined && (await isKept(projectId, clip, file));
    if (!kept && file !== undefined) continue;
    const { unkept: now } = studio.live.getState();
    studio.live.setState({ unkept: now.filter((each) => each !== clip) }); // or it was taken out of the project
  }
  return studio.live.getState().unkept.length === 0;
}

function isKept(project: string, clip: ClipId, file: File): Promise<boolean> {
  return keepFile(project, clip, file).then(
    () => true,
    () => false,
  );
}

import { Trash2 } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { report } from "@/state/notices";
import { deleteProject, listProjects, type ProjectRecord } from "@/state/projects/database";
import { forgetFiles } from "@/state/projects/files";
import { openProject } from "@/state/projects/projects";
import { Modal } from "@/ui/kit";
import { ProjectTile } from "@/ui/Start";
import { useLive, useStudio } from "@/ui/studio";

export function Projects({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const current = useLive((live) => live.projectId);
  const [projects, setProjects] = useState<readonly ProjectRecord[] | null>(null);
  const load = useCallback(() => {
    listProjects().then(setProjects, (error) => {
      setProjects([]);
      report(studio, error);
    });
  }, [studio]);
  useEffect(load, [load]);
  const open = (id: string) => {
    onClose();
    openProject(studio, id).catch((error) => report(studio, error));
  };
  const remove = async (id: string) => {
    await deleteProject(id);
    await forgetFiles(id);
    const left = (await listProjects()).flatMap((each) => each.doc.order);
    await studio.worker.keepResults([...left, ...studio.history.doc().order]);
    load();
  };
  return (
    <Modal
      title="Recent projects"
      about="Kept in this browser. Save one as a file to take it elsewhere."
      wide
      onClose={onClose}
    >
      {projects?.length === 0 && <p className="py-4 text-ink-2">None yet: open a clip or a photo.</p>}
      <ul className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        {projects?.map((each) => (
          <li key={each.id} className="group relative">
            <ProjectTile project={each} onOpen={() => open(each.id)} />
            {each.id !== current && (
              <button
                type="button"
                aria-label={`Delete ${each.doc.name}`}
                onClick={() => remove(each.id).catch((error) => report(studio, error))}
                className="touch-target absolute top-1.5 right-1.5 grid size-8 place-items-center rounded-lg bg-panel/90 text-ink-2 hover:text-bad"
              >
                <Trash2 size={15} aria-hidden />
              </button>
            )}
          </li>
        ))}
      </ul>
    </Modal>
  );
}

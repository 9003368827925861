/** The page before anything is open. */

import { FolderOpen, Play, ShieldCheck } from "lucide-react";
import { useEffect, useState } from "react";
import { action, perform } from "@/actions/table";
import { report } from "@/state/notices";
import { listProjects, type ProjectRecord } from "@/state/projects/database";
import { openProject } from "@/state/projects/projects";
import { Button } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";

export function Start() {
  const studio = useStudio();
  const opening = useLive((live) => live.opening);
  return (
    <div className="size-full overflow-y-auto bg-bg" data-start>
      <div className="mx-auto flex min-h-full max-w-[640px] flex-col justify-center px-5 py-8">
        <Picture />
        <h2 className="mt-7 text-[26px] leading-tight font-semibold tracking-tight text-balance sm:text-[32px]">
          Click a thing. Keep it, frame by frame.
        </h2>
        <p className="mt-2 max-w-lg text-[15px] text-pretty text-ink-2">
          Drop a clip or a photo anywhere on this page, click what you want, and press Forward: its mask
          follows it.
        </p>
        <div className="mt-5 flex flex-wrap gap-2">
          <Button
            look="primary"
            icon={FolderOpen}
            className="h-11 px-5 text-sm"
            disabled={opening !== null}
            onClick={() => perform(studio, action("file.open"))}
          >
            Open a clip or photo
          </Button>
          <Button
            icon={Play}
            className="h-11 px-5 text-sm"
            disabled={opening !== null}
            onClick={() => perform(studio, action("file.sample"))}
          >
            Try the sample clip
          </Button>
        </div>
        <p className="mt-4 flex items-center gap-2 text-ink-2">
          <ShieldCheck size={16} className="shrink-0 text-good" aria-hidden />
          {opening === null ? "Everything runs in this tab. Nothing is uploaded." : `Opening ${opening} …`}
        </p>
        <Recent />
      </div>
    </div>
  );
}

/** What it does, in one drawing: an outline on one side, its mask on the other. */
function Picture() {
  return (
    <svg viewBox="0 0 560 190" className="w-full rounded-2xl" aria-hidden="true">
      <defs>
        <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor="#24364d" />
          <stop offset="1" stopColor="#5d7488" />
        </linearGradient>
        <pattern id="checker" width="20" height="20" patternUnits="userSpaceOnUse">
          <rect width="20" height="20" fill="var(--checker-a)" />
          <path d="M0 0h10v10H0zM10 10h10v10H10z" fill="var(--checker-b)" />
        </pattern>
        <clipPath id="left">
          <rect width="280" height="190" />
        </clipPath>
        <clipPath id="right">
          <rect x="280" width="280" height="190" />
        </clipPath>
        <g id="thing">
          <ellipse cx="280" cy="84" rx="52" ry="60" />
          <path d="M262 143h36l-7 14h-22z" />
          <rect x="267" y="160" width="26" height="18" rx="4" />
        </g>
      </defs>
      <g clipPath="url(#left)">
        <rect width="560" height="190" fill="url(#sky)" />
        <path d="M0 150q70-34 140-12t140-14 140 8 140-6v80H0z" fill="#2c4638" />
        <use href="#thing" fill="#c9543f" />
        <use href="#thing" fill="none" stroke="#fff" strokeWidth="2" strokeDasharray="6 5" />
      </g>
      <g clipPath="url(#right)">
        <rect width="560" height="190" fill="url(#checker)" />
        <use href="#thing" fill="var(--marker)" />
      </g>
      <path d="M280 0v190" stroke="#fff" strokeOpacity="0.75" strokeWidth="2" />
      <circle cx="254" cy="78" r="9" fill="#1fae5f" stroke="#fff" strokeWidth="2.5" />
      <path d="M250 78h8M254 74v8" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}

function Recent() {
  const [projects, setProjects] = useState<readonly ProjectRecord[]>([]);
  const studio = useStudio();
  useEffect(() => {
    listProjects().then(
      (all) => setProjects(all.slice(0, 4)),
      () => setProjects([]), // storage is off: the page says so when something is to be kept
    );
  }, []);
  if (projects.length === 0) return null;
  return (
    <section className="mt-8" aria-label="Recent projects">
      <h3 className="eyebrow mb-2">Recent projects</h3>
      <ul className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        {projects.map((each) => (
          <li key={each.id}>
            <ProjectTile
              project={each}
              onOpen={() => openProject(studio, each.id).catch((error) => report(studio, error))}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function ProjectTile({ project, onOpen }: { project: ProjectRecord; onOpen: () => void }) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (project.picture === null) return;
    const made = URL.createObjectURL(project.picture);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [project.picture]);
  const when = new Date(project.updated).toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return (
    <button
      type="button"
      onClick={onOpen}
      className="group w-full overflow-hidden rounded-xl border border-line bg-panel text-left transition-colors hover:border-edge"
    >
      <span className="block aspect-video w-full bg-raised">
        {url !== null && <img src={url} alt="" className="size-full object-cover" />}
      </span>
      <span className="block px-2.5 py-2">
        <span className="block truncate font-medium">{project.doc.name}</span>
        <span className="block text-xs text-ink-2">{when}</span>
      </span>
    </button>
  );
}

import {
  Archive,
  Cloud,
  Download,
  FilePlus2,
  FolderOpen,
  HardDrive,
  Images,
  LayoutGrid,
  PackageOpen,
  Play,
} from "lucide-react";
import { bundleFromFolder } from "@/api/bundles";
import { listSamples, sampleClip } from "@/api/samples";
import { report } from "@/state/notices";
import { addFiles, exportProject, newProject } from "@/state/projects/projects";
import { choose, download } from "@/state/save";
import { currentInfo, type Studio } from "@/state/studio";
import type { Action } from "./types";

const dialog = (name: "takeaway" | "remote" | "gallery" | "storage" | "projects") => (studio: Studio) =>
  studio.live.setState({ dialog: name });

const MEDIA = "video/*,image/*,.mkv,.splitmask,.zip";

export async function openSample(studio: Studio): Promise<void> {
  try {
    const { clips } = await listSamples();
    const [first] = clips;
    if (first === undefined) throw new Error("this copy of the page was built without its sample clip");
    await addFiles(studio, [await sampleClip(first.file)]);
  } catch (error) {
    report(studio, error);
  }
}

async function openBundle(studio: Studio): Promise<void> {
  try {
    const files = await choose({ folder: true });
    if (files.length === 0) return;
    const bundle = await bundleFromFolder(files);
    if (bundle === null) throw new Error("there is no manifest.json in that folder");
    await addFiles(studio, [bundle]);
  } catch (error) {
    report(studio, error);
  }
}

async function saveProject(studio: Studio): Promise<void> {
  try {
    download(await exportProject(studio, true), `${studio.history.doc().name}.splitmask`);
  } catch (error) {
    report(studio, error);
  }
}

const hasProject = (studio: Studio) => studio.live.getState().projectId !== null;

export const FILE: readonly Action[] = [
  {
    name: "file.open",
    label: "Open video, photo, bundle or project…",
    menu: "File",
    group: 1,
    icon: FolderOpen,
    keys: ["mod+o"],
    perform: async (studio) => addFiles(studio, await choose({ accept: MEDIA })),
  },
  {
    name: "file.sample",
    label: "Open the sample clip",
    menu: "File",
    group: 1,
    icon: Play,
    perform: openSample,
  },
  {
    name: "file.projects",
    label: "Recent projects…",
    menu: "File",
    group: 1,
    icon: LayoutGrid,
    perform: dialog("projects"),
  },
  {
    name: "file.new",
    label: "New project",
    menu: "File",
    group: 1,
    icon: FilePlus2,
    when: hasProject,
    perform: newProject,
  },
  {
    name: "file.bundle",
    label: "Open bundle folder…",
    menu: "File",
    group: 2,
    icon: PackageOpen,
    perform: openBundle,
  },
  {
    name: "file.remote",
    label: "Encode elsewhere, or open an address…",
    menu: "File",
    group: 2,
    icon: Cloud,
    perform: dialog("remote"),
  },
  {
    name: "file.gallery",
    label: "Pre-encoded pictures…",
    menu: "File",
    group: 2,
    icon: Images,
    perform: dialog("gallery"),
  },
  {
    name: "file.takeaway",
    label: "Take away…",
    menu: "File",
    group: 3,
    icon: Download,
    keys: ["mod+e"],
    when: (studio) => currentInfo(studio) !== null,
    perform: dialog("takeaway"),
  },
  {
    name: "file.save",
    label: "Save project as a file",
    menu: "File",
    group: 3,
    icon: Archive,
    keys: ["mod+s"],
    when: hasProject,
    perform: saveProject,
  },
  {
    name: "file.storage",
    label: "Storage…",
    menu: "File",
    group: 4,
    icon: HardDrive,
    perform: dialog("storage"),
  },
];

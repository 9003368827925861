import { CircleX, Eraser, Redo2, Trash2, Undo2 } from "lucide-react";
import { isEmptyPrompt, promptAt } from "@/state/document";
import { clearAll, deleteObject, removePromptHere } from "@/state/prompting";
import { currentClip, currentObject } from "@/state/studio";
import { redo, undo } from "@/state/undo";
import type { Action } from "./types";

export const EDIT: readonly Action[] = [
  {
    name: "edit.undo",
    label: "Undo",
    menu: "Edit",
    group: 1,
    icon: Undo2,
    keys: ["mod+z"],
    title: (studio) => {
      const last = studio.history.store.getState().past.at(-1);
      return last === undefined ? "Undo" : `Undo: ${last.label}`;
    },
    when: (studio) => studio.history.store.getState().past.length > 0,
    perform: undo,
  },
  {
    name: "edit.redo",
    label: "Redo",
    menu: "Edit",
    group: 1,
    icon: Redo2,
    keys: ["mod+shift+z", "mod+y"],
    title: (studio) => {
      const last = studio.history.store.getState().future.at(-1);
      return last === undefined ? "Redo" : `Redo: ${last.label}`;
    },
    when: (studio) => studio.history.store.getState().future.length > 0,
    perform: redo,
  },
  {
    name: "edit.unprompt",
    label: "Remove prompts on this frame",
    menu: "Edit",
    group: 2,
    icon: Eraser,
    keys: ["Backspace", "Delete"],
    when: (studio) => {
      const [clip, object] = [currentClip(studio), currentObject(studio)];
      const { frame } = studio.live.getState();
      return clip !== null && object !== null && !isEmptyPrompt(promptAt(clip, object.id, frame));
    },
    perform: removePromptHere,
  },
  {
    name: "edit.delete",
    label: "Delete object",
    menu: "Edit",
    group: 2,
    icon: Trash2,
    keys: ["shift+Delete", "shift+Backspace"],
    when: (studio) => currentObject(studio) !== null,
    perform: (studio) => {
      const object = currentObject(studio);
      return object === null ? undefined : deleteObject(studio, object.id);
    },
  },
  {
    name: "edit.clear",
    label: "Clear all",
    menu: "Edit",
    group: 2,
    icon: CircleX,
    when: (studio) => (currentClip(studio)?.objects.length ?? 0) > 0,
    perform: clearAll,
  },
];

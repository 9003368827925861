import { Trash2 } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { removeModel } from "@/state/models";
import { report } from "@/state/notices";
import { bytes } from "@/state/timecode";
import { Button, Modal, Progress } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";
import type { StorageReport } from "@/worker/contract";

export function Storage({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const models = useLive((live) => live.models);
  const [state, setState] = useState<StorageReport | null>(null);
  const load = useCallback(() => {
    studio.worker.storage().then(setState, (error) => report(studio, error));
  }, [studio]);
  useEffect(load, [load]);
  const remove = async (id: string) => {
    await removeModel(studio, id);
    load();
  };
  return (
    <Modal
      title="Storage"
      about="What this page keeps in this browser, for the next visit."
      onClose={onClose}
    >
      {state === null ? (
        <Progress label="Looking" share={null} />
      ) : (
        <>
          <Progress
            label="Storage in use"
            share={state.quota > 0 ? Math.min(1, state.usage / state.quota) : 0}
          />
          <p className="tabular mt-2 text-ink-2">
            {bytes(state.usage)} of {bytes(state.quota)} that the browser allows.{" "}
            {state.persisted
              ? "The browser will not clear it by itself."
              : "The browser may clear it when the disk is full."}
          </p>
          <ul className="mt-4 divide-y divide-line border-y border-line">
            {state.models.map(({ id, bytes: size }) => (
              <li key={id} className="flex h-12 items-center gap-3">
                <span className="grow font-medium">{models.find((each) => each.id === id)?.title ?? id}</span>
                <span className="tabular text-ink-2">{bytes(size)}</span>
                <Button look="danger" icon={Trash2} onClick={() => void remove(id)}>
                  Remove
                </Button>
              </li>
            ))}
            <li className="flex h-12 items-center gap-3">
              <span className="grow font-medium">Masks and memories</span>
              <span className="tabular text-ink-2">{bytes(state.results)}</span>
            </li>
          </ul>
          <p className="mt-3 text-ink-2">
            Projects and their clips are removed under File → Recent projects.
          </p>
        </>
      )}
    </Modal>
  );
}

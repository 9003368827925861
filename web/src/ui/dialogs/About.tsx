import { Modal } from "@/ui/kit";
import { Mark } from "@/ui/Mark";
import { useLive } from "@/ui/studio";

export function About({ onClose }: { onClose: () => void }) {
  const model = useLive((live) => live.model);
  return (
    <Modal title="splitmask studio" about="Click-to-mask and tracking, all in this tab." onClose={onClose}>
      <div className="flex gap-4">
        <Mark size={56} />
        <div className="space-y-2 text-ink-2">
          <p>
            A model of the SAM 2 family: a heavy encoder runs once for a frame, a light decoder at every
            click, and a memory of earlier frames follows the object through the clip.
          </p>
          <p>
            Clips, photos and masks stay on this machine. Projects are kept in this browser's own storage.
          </p>
          <p className="text-ink">{model?.description || "The model is not loaded."}</p>
          <p>Apache-2.0.</p>
        </div>
      </div>
    </Modal>
  );
}

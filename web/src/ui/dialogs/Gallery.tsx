import { useEffect, useState } from "react";
import { listSamples, type Samples, sampleBundle, sampleUrl } from "@/api/samples";
import { report } from "@/state/notices";
import { addFiles } from "@/state/projects/projects";
import { Modal } from "@/ui/kit";
import { useStudio } from "@/ui/studio";

/** Pictures that were encoded when the page was built: a click needs the decoder only. */
export function Gallery({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const [samples, setSamples] = useState<Samples | null>(null);
  useEffect(() => {
    listSamples().then(setSamples, (error) => report(studio, error));
  }, [studio]);
  const open = async (file: string) => {
    onClose();
    try {
      await addFiles(studio, [await sampleBundle(file)]);
    } catch (error) {
      report(studio, error);
    }
  };
  return (
    <Modal
      title="Pre-encoded pictures"
      about="Encoded elsewhere: here only the small decoder runs, so the first click answers at once."
      wide
      onClose={onClose}
    >
      {samples?.bundles.length === 0 && (
        <p className="py-4 text-ink-2">
          This copy of the page was built without them. Drop a bundle of your own.
        </p>
      )}
      <ul className="grid gap-4 sm:grid-cols-2">
        {samples?.bundles.map((each) => (
          <li key={each.file}>
            <button
              type="button"
              onClick={() => void open(each.file)}
              className="w-full overflow-hidden rounded-xl border border-line text-left transition-colors hover:border-edge"
            >
              <img
                src={sampleUrl(each.preview)}
                alt=""
                className="aspect-video w-full bg-raised object-cover"
              />
              <span className="block px-3 py-2">
                <span className="block font-medium">{each.title}</span>
                <span className="block text-ink-2">{each.about}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Modal>
  );
}

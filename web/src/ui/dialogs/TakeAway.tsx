/** What can be taken away, from the table of export/. */

import * as Comlink from "comlink";
import { Download } from "lucide-react";
import { useState } from "react";
import { toFault } from "@/core/errors";
import { FORMATS, type Format } from "@/export/formats";
import type { ObjectDoc } from "@/state/document";
import { labelsOf } from "@/state/prompting";
import { download } from "@/state/save";
import { rangeOf } from "@/state/studio";
import { bytes } from "@/state/timecode";
import { Button, cx, Modal, Progress } from "@/ui/kit";
import { useClip, useInfo, useStudio } from "@/ui/studio";
import type { TakeAwayRequest } from "@/worker/contract";

type State =
  | { readonly kind: "choose" }
  | { readonly kind: "working"; readonly share: number }
  | { readonly kind: "done"; readonly name: string; readonly size: number }
  | { readonly kind: "failed"; readonly message: string };

export function TakeAway({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const clip = useClip();
  const info = useInfo();
  const formats = FORMATS.filter((each) => each.stills || (info?.frames ?? 1) > 1);
  const [key, setKey] = useState(formats[0]?.key ?? "");
  const [which, setWhich] = useState<Which>("joined");
  const [state, setState] = useState<State>({ kind: "choose" });
  const format = formats.find((each) => each.key === key);
  if (clip === null || info === null || format === undefined) return null;

  const go = async () => {
    setState({ kind: "working", share: 0 });
    const visible = clip.objects.filter((each) => each.visible);
    const request: TakeAwayRequest = {
      clip: clip.id,
      format: key,
      objects: typeof which === "number" ? [which] : visible.map((each) => each.id),
      joined: which !== "apart",
      range: rangeOf(clip, info),
      feather: clip.display.feather,
      invert: clip.display.invert,
      labels: labelsOf(clip),
    };
    try {
      const told = Comlink.proxy((share: number) => setState({ kind: "working", share }));
      const blob = await studio.worker.takeAway(request, told);
      const name = `${clip.name.replace(/\.[^.]+$/, "")}${format.suffix}`;
      download(blob, name);
      setState({ kind: "done", name, size: blob.size });
    } catch (error) {
      const fault = toFault(error);
      setState(fault.code === "cancelled" ? { kind: "choose" } : { kind: "failed", message: fault.message });
    }
  };
  const [from, until] = rangeOf(clip, info);
  const frames = info.frames > 1 ? `Frames ${from + 1} to ${until}. ` : "";
  const soft = format.soft ? softness(clip.display.feather, clip.display.invert) : "";
  const busy = state.kind === "working";
  return (
    <Modal
      title="Take away"
      about={`${clip.name}. ${frames}${soft}`}
      onClose={onClose}
      footer={
        <>
          <div className="min-w-0 grow" aria-live="polite">
            <Outcome state={state} />
          </div>
          {busy && <Button onClick={() => void studio.worker.cancelTakeAway(clip.id)}>Cancel</Button>}
          <Button
            look="primary"
            icon={Download}
            className="h-10"
            disabled={busy || clip.objects.length === 0}
            onClick={() => void go()}
          >
            Save
          </Button>
        </>
      }
    >
      {clip.objects.length === 0 && (
        <p className="mb-3 text-ink-2">There is no mask yet: click an object first.</p>
      )}
      {clip.objects.length > 1 && (
        <MasksChoice
          objects={clip.objects}
          apart={format.apart === true}
          which={which}
          disabled={busy}
          onChoose={setWhich}
        />
      )}
      <div role="radiogroup" aria-label="Format" className="grid gap-1.5">
        {formats.map((each) => (
          <FormatRow
            key={each.key}
            format={each}
            chosen={each.key === key}
            disabled={busy}
            onChoose={() => setKey(each.key)}
          />
        ))}
      </div>
    </Modal>
  );
}

/** All that are shown, as the page combines them or a folder for each; or one object. */
type Which = "joined" | "apart" | number;

interface MasksProps {
  readonly objects: readonly ObjectDoc[];
  readonly apart: boolean;
  readonly which: Which;
  readonly disabled: boolean;
  readonly onChoose: (which: Which) => void;
}

function MasksChoice({ objects, apart, which, disabled, onChoose }: MasksProps) {
  return (
    <label className="mb-3 flex items-center gap-3">
      <span className="text-ink-2">Masks</span>
      <select
        value={which === "apart" && !apart ? "joined" : which}
        disabled={disabled}
        onChange={({ target: { value } }) =>
          onChoose(value === "joined" || value === "apart" ? value : Number(value))
        }
        className="h-9 grow rounded-lg border border-line bg-bg px-2"
      >
        <option value="joined">{apart ? "All that are shown, combined" : "All that are shown"}</option>
        {apart && <option value="apart">All that are shown, a folder each</option>}
        {objects.map((each) => (
          <option key={each.id} value={each.id}>
            Only {each.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function softness(feather: number, invert: boolean): string {
  const parts = [feather > 0 ? `feathered by ${feather} px` : "", invert ? "inverted" : ""].filter(Boolean);
  return parts.length === 0 ? "" : `Masks ${parts.join(" and ")}.`;
}

interface RowProps {
  readonly format: Format;
  readonly chosen: boolean;
  readonly disabled: boolean;
  readonly onChoose: () => void;
}

function FormatRow({ format, chosen, disabled, onChoose }: RowProps) {
  return (
    <label
      className={cx(
        "flex items-center gap-3 rounded-xl border px-3.5 py-2.5",
        chosen ? "border-marker bg-marker-soft" : "border-line hover:bg-raised",
      )}
    >
      <input
        type="radio"
        name="format"
        checked={chosen}
        disabled={disabled}
        onChange={onChoose}
        className="size-4 shrink-0 accent-[var(--marker)]"
      />
      <span>
        <span className="block font-medium">{format.title}</span>
        <span className="block text-ink-2">{format.about}</span>
      </span>
    </label>
  );
}

function Outcome({ state }: { state: State }) {
  if (state.kind === "working") {
    return (
      <>
        <Progress label="Writing" share={state.share} />
        <p className="tabular mt-1 text-xs text-ink-2">{Math.round(state.share * 100)} %</p>
      </>
    );
  }
  if (state.kind === "done") {
    return (
      <p className="truncate text-good">
        {state.name}, {bytes(state.size)}
      </p>
    );
  }
  if (state.kind === "failed") {
    return (
      <p className="text-bad" role="alert">
        {state.message}
      </p>
    );
  }
  return null;
}

/** Split mode: the encoder runs elsewhere, the decoder here. */

import { Cloud, Link } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { bundleFromUrl } from "@/api/bundles";
import { encodeRemotely } from "@/api/remote";
import { type RemoteSettings, readSettings, SERVICES, type Service, writeSettings } from "@/api/settings";
import { toFault } from "@/core/errors";
import { sentence } from "@/state/notices";
import { addFiles } from "@/state/projects/projects";
import { choose } from "@/state/save";
import { Button, cx, Modal, Progress } from "@/ui/kit";
import { useStudio } from "@/ui/studio";

export function Remote({ onClose }: { onClose: () => void }) {
  const studio = useStudio();
  const [settings, setSettings] = useState<RemoteSettings>(readSettings);
  const [address, setAddress] = useState("");
  const [doing, setDoing] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const change = (edit: Partial<RemoteSettings>) => {
    const next = { ...settings, ...edit };
    setSettings(next);
    writeSettings(next);
  };
  const attempt = async (what: string, get: (signal: AbortSignal) => Promise<File | null>) => {
    const mine = new AbortController();
    abort.current = mine;
    setProblem(null);
    setDoing(what);
    try {
      const bundle = await get(mine.signal);
      if (bundle === null) return;
      onClose();
      await addFiles(studio, [bundle]);
    } catch (error) {
      const fault = toFault(error);
      if (fault.code !== "cancelled") setProblem(fault.message);
    } finally {
      setDoing(null);
    }
  };
  const encode = () =>
    attempt("Choose a picture", async (signal) => {
      const [picture] = await choose({ accept: "image/*" });
      return picture === undefined ? null : encodeRemotely(settings, picture, { signal, say: setDoing });
    });
  const fetchIt = () =>
    attempt("Fetching the bundle", (signal) =>
      bundleFromUrl(address, (url, init) => fetch(url, { ...init, signal })),
    );

  return (
    <Modal
      title="Encode elsewhere"
      about="The heavy half of the model runs where the compute is; every click is answered here."
      onClose={onClose}
    >
      <Services
        chosen={settings.service}
        onChoose={(service) => change({ service, url: SERVICES[service].url })}
      />
      <p className="mt-2 text-ink-2">{SERVICES[settings.service].about}</p>
      <Text
        label="Address"
        value={settings.url}
        placeholder={SERVICES[settings.service].placeholder}
        onChange={(url) => change({ url })}
      />
      {settings.service === "replicate" && (
        <Text
          label="Model"
          value={settings.model}
          placeholder="you/splitmask-encode"
          onChange={(model) => change({ model })}
        />
      )}
      <Text
        label={SERVICES[settings.service].needsToken ? "Token" : "Token, if it asks for one"}
        value={settings.token}
        placeholder="Stays in this tab"
        secret
        onChange={(token) => change({ token })}
      />
      <Button
        look="primary"
        icon={Cloud}
        className="mt-4 h-10 w-full"
        disabled={doing !== null || settings.url === ""}
        onClick={() => void encode()}
      >
        Choose a picture and encode it
      </Button>
      <div className="my-5 flex items-center gap-3 text-xs text-ink-3">
        <span className="h-px grow bg-line" />
        or open a bundle that is there already
        <span className="h-px grow bg-line" />
      </div>
      <form
        className="flex items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          void fetchIt();
        }}
      >
        <div className="grow">
          <Text
            label="Address of a bundle"
            value={address}
            placeholder="https://…/truck.zip or a folder"
            onChange={setAddress}
          />
        </div>
        <Button icon={Link} type="submit" className="h-10" disabled={doing !== null || address === ""}>
          Open
        </Button>
      </form>
      <div aria-live="polite">
        {doing !== null && (
          <div className="mt-4">
            <Progress label={doing} share={null} />
            <p className="mt-1.5 text-ink-2">{doing} …</p>
          </div>
        )}
        {problem !== null && (
          <p className="mt-4 rounded-lg bg-bad-soft p-3 text-bad [overflow-wrap:anywhere]" role="alert">
            {sentence(problem)}.
          </p>
        )}
      </div>
    </Modal>
  );
}

function Services({ chosen, onChoose }: { chosen: Service; onChoose: (service: Service) => void }) {
  return (
    <div role="radiogroup" aria-label="Service" className="grid grid-cols-3 gap-1 rounded-lg bg-raised p-1">
      {(Object.keys(SERVICES) as Service[]).map((key) => (
        // biome-ignore lint/a11y/useSemanticElements: drawn as one control of three parts
        <button
          key={key}
          type="button"
          role="radio"
          aria-checked={key === chosen}
          onClick={() => onChoose(key)}
          className={cx(
            "touch-target min-h-9 rounded-md px-2 text-ink-2 hover:text-ink",
            key === chosen && "bg-panel font-semibold text-ink! shadow-sm",
          )}
        >
          {SERVICES[key].title}
        </button>
      ))}
    </div>
  );
}

interface TextProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder: string;
  readonly secret?: boolean;
  readonly onChange: (value: string) => void;
}

function Text({ label, value, placeholder, secret = false, onChange }: TextProps) {
  return (
    <label className="mt-3 block">
      <span className="text-xs text-ink-2">{label}</span>
      <input
        type={secret ? "password" : "text"}
        autoComplete="off"
        spellCheck={false}
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value)}
        className="mt-1 block h-10 w-full rounded-lg border border-line bg-bg px-3 focus:border-edge"
      />
    </label>
  );
}

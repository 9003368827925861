import { Tooltip } from "radix-ui";
import { lazy, Suspense, useEffect, useLayoutEffect, useState } from "react";
import { SplitmaskError } from "@/core/errors";
import { report } from "@/state/notices";
import type { Studio } from "@/state/studio";
import { listenToDrops } from "@/ui/drop";
import { listenToKeys } from "@/ui/keyboard";
import { MenuBar } from "@/ui/MenuBar";
import { Announcer, Banners, Notices } from "@/ui/Notices";
import { Dock, Sheet } from "@/ui/panel/Dock";
import { Start } from "@/ui/Start";
import type { StagePainter } from "@/ui/stage/painter";
import { Stage } from "@/ui/stage/Stage";
import { Tools } from "@/ui/stage/StageBar";
import { StudioContext, useInfo, useLive, useStudio } from "@/ui/studio";
import { Timeline } from "@/ui/timeline/Timeline";

const loadDialogs = () => import("@/ui/dialogs/Dialogs").catch(() => ({ default: Unreachable }));
const Dialogs = lazy(loadDialogs);

const PHONE = "(max-width: 767px)";

function usePhone(): boolean {
  const [phone, setPhone] = useState(() => matchMedia(PHONE).matches);
  useEffect(() => {
    const query = matchMedia(PHONE);
    const hear = () => setPhone(query.matches);
    query.addEventListener("change", hear);
    return () => query.removeEventListener("change", hear);
  }, []);
  return phone;
}

interface AppProps {
  readonly studio: Studio;
  readonly onPainter: (painter: StagePainter | null) => void;
}

export function App({ studio, onPainter }: AppProps) {
  useEffect(() => void loadDialogs(), []); // once the page is there: without a network later on they are, too
  useLayoutEffect(() => listenToKeys(studio), [studio]); // before the first paint: keys work as soon as they can be read
  return (
    <StudioContext value={studio}>
      <Tooltip.Provider delayDuration={500} skipDelayDuration={300}>
        <Layout studio={studio} onPainter={onPainter} />
        <Notices />
        <Announcer />
      </Tooltip.Provider>
    </StudioContext>
  );
}

function Layout({ studio, onPainter }: AppProps) {
  const phone = usePhone();
  const info = useInfo();
  const dockOpen = useLive((live) => live.dockOpen);
  const dialog = useLive((live) => live.dialog);
  const [over, setOver] = useState(false);
  useEffect(() => listenToDrops(studio, setOver), [studio]);
  return (
    <div className="flex h-dvh flex-col">
      <MenuBar />
      <Banners />
      <div className="flex min-h-0 grow">
        <main className="flex min-w-0 grow flex-col">
          <div className="relative flex min-h-0 grow">
            {info !== null && <Tools />}
            <div className="min-w-0 grow">{info === null ? <Start /> : <Stage onPainter={onPainter} />}</div>
          </div>
          <Timeline />
        </main>
        {!phone && dockOpen && <Dock />}
      </div>
      {phone && info !== null && <Sheet />}
      {over && <DropHint />}
      {dialog !== null && (
        <Suspense fallback={null}>
          <Dialogs name={dialog} />
        </Suspense>
      )}
    </div>
  );
}

/** In place of dialogs whose script did not come. */
function Unreachable() {
  const studio = useStudio();
  useEffect(() => {
    studio.live.setState({ dialog: null });
    report(studio, new SplitmaskError("network", "a part of the page did not load: reload it"));
  }, [studio]);
  return <span hidden />;
}

function DropHint() {
  return (
    <div className="pointer-events-none fixed inset-2 z-50 grid place-items-center rounded-2xl border-2 border-dashed border-marker bg-bg/85">
      <p className="text-lg font-semibold">Drop it: a clip, photo, bundle, project or model</p>
    </div>
  );
}

/** All dialogs, loaded when the first one is asked for. */

import type { DialogName } from "@/state/live";
import { useStudio } from "@/ui/studio";
import { About } from "./About";
import { Gallery } from "./Gallery";
import { Palette } from "./Palette";
import { Projects } from "./Projects";
import { Remote } from "./Remote";
import { Shortcuts } from "./Shortcuts";
import { Storage } from "./Storage";
import { TakeAway } from "./TakeAway";

const DIALOGS: Record<DialogName, (props: { onClose: () => void }) => React.ReactNode> = {
  about: About,
  gallery: Gallery,
  palette: Palette,
  projects: Projects,
  remote: Remote,
  shortcuts: Shortcuts,
  storage: Storage,
  takeaway: TakeAway,
};

export default function Dialogs({ name }: { name: DialogName }) {
  const studio = useStudio();
  const Dialog = DIALOGS[name];
  return <Dialog onClose={() => studio.live.setState({ dialog: null })} />;
}

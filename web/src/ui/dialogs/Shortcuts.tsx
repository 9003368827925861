import { ACTIONS } from "@/actions/table";
import { MENUS } from "@/actions/types";
import { Keys, Modal } from "@/ui/kit";

const SCOPES = { page: "", stage: "on the stage", timeline: "on the timeline" } as const;

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Modal
      title="Keyboard shortcuts"
      about="Click the stage or tab to it, and the arrow keys move a crosshair."
      wide
      onClose={onClose}
    >
      <div className="gap-x-8 sm:columns-2">
        {MENUS.map((menu) => {
          const items = ACTIONS.filter((each) => each.menu === menu && each.keys !== undefined);
          if (items.length === 0) return null;
          return (
            <section key={menu} className="mb-5 break-inside-avoid" aria-label={menu}>
              <h3 className="eyebrow mb-1.5">{menu}</h3>
              <dl>
                {items.map((each) => (
                  <div
                    key={each.name}
                    className="flex min-h-7 items-center justify-between gap-3 border-b border-line py-0.5"
                  >
                    <dt>
                      {each.label}
                      {each.scope !== undefined && <span className="text-ink-3"> {SCOPES[each.scope]}</span>}
                    </dt>
                    <dd className="flex shrink-0 gap-2">
                      {each.keys?.map((keys) => (
                        <Keys key={keys} keys={keys} />
                      ))}
                    </dd>
                  </div>
                ))}
              </dl>
            </section>
          );
        })}
      </div>
    </Modal>
  );
}

/** Messages at the edge of the page, conditions at its top, and what a screen reader is told. */

import { CircleCheck, CircleX, Info, TriangleAlert, X } from "lucide-react";
import { useEffect } from "react";
import type { Banner, Notice } from "@/state/live";
import { dismiss, lower } from "@/state/notices";
import { Button, cx } from "@/ui/kit";
import { useLive, useStudio } from "@/ui/studio";

const ICONS = { info: Info, success: CircleCheck, warning: TriangleAlert, error: CircleX } as const;
const INKS = { info: "text-ink-2", success: "text-good", warning: "text-warn", error: "text-bad" } as const;
const SHOWN = { info: 6000, success: 4000, warning: 12_000, error: 0 } as const; // milliseconds; 0: until closed

export function Notices() {
  const notices = useLive((live) => live.notices);
  return (
    <section
      aria-label="Messages"
      className="pointer-events-none fixed inset-x-3 top-15 z-30 flex flex-col items-end gap-2 sm:left-auto sm:w-[22rem] md:right-[calc(var(--dock,0px)+1rem)] md:top-28"
    >
      {notices.map((each) => (
        <Toast key={each.id} notice={each} />
      ))}
    </section>
  );
}

function Toast({ notice }: { notice: Notice }) {
  const studio = useStudio();
  const Icon = ICONS[notice.level];
  const time = notice.way === null ? SHOWN[notice.level] : 0;
  useEffect(() => {
    if (time === 0) return;
    const timer = setTimeout(() => dismiss(studio, notice.id), time);
    return () => clearTimeout(timer);
  }, [studio, notice.id, time]);
  return (
    <div
      data-notice={notice.level}
      className="rise pointer-events-auto flex w-full gap-3 rounded-xl border border-line bg-panel p-3 shadow-float"
    >
      <Icon size={18} className={cx("mt-0.5 shrink-0", INKS[notice.level])} aria-hidden />
      <div className="min-w-0 grow">
        <p className="font-semibold">{notice.title}</p>
        <p className="text-ink-2 [overflow-wrap:anywhere]">{notice.text}</p>
        {notice.way !== null && (
          <Button
            className="mt-2"
            onClick={() => {
              dismiss(studio, notice.id);
              notice.way?.go();
            }}
          >
            {notice.way.label}
          </Button>
        )}
      </div>
      <button
        type="button"
        aria-label={`Dismiss: ${notice.title}`}
        onClick={() => dismiss(studio, notice.id)}
        className="touch-target grid size-7 shrink-0 place-items-center rounded-md text-ink-3 hover:bg-hover hover:text-ink"
      >
        <X size={15} aria-hidden />
      </button>
    </div>
  );
}

export function Banners() {
  const banners = useLive((live) => live.banners);
  if (banners.length === 0) return null;
  return (
    <section aria-label="Conditions">
      {banners.map((each) => (
        <BannerRow key={each.key} banner={each} />
      ))}
    </section>
  );
}

function BannerRow({ banner }: { banner: Banner }) {
  const studio = useStudio();
  const Icon = ICONS[banner.level];
  return (
    <div
      className="flex items-center gap-2.5 border-b border-line bg-raised px-3 py-1.5"
      data-banner={banner.key}
    >
      <Icon size={15} className={cx("shrink-0", INKS[banner.level])} aria-hidden />
      <p className="min-w-0 grow text-xs text-ink-2 max-sm:line-clamp-2">
        <strong className="font-semibold text-ink">{banner.title}.</strong> {banner.text}
      </p>
      {banner.way !== null && (
        <Button look="quiet" className="h-7" onClick={banner.way.go}>
          {banner.way.label}
        </Button>
      )}
      <button
        type="button"
        aria-label={`Dismiss: ${banner.title}`}
        onClick={() => lower(studio, banner.key)}
        className="touch-target grid size-7 shrink-0 place-items-center rounded-md text-ink-3 hover:bg-hover hover:text-ink"
      >
        <X size={14} aria-hidden />
      </button>
    </div>
  );
}

export function Announcer() {
  const announcement = useLive((live) => live.announcement);
  return (
    <div role="status" aria-live="polite" className="sr-only" data-said>
      {announcement}
    </div>
  );
}

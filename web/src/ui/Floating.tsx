import type { ReactNode } from "react";

/** What a menu opens: a landmark of its own, and a sheet that keeps a click beside it from the page. */
export function Floating({ children }: { children: ReactNode }) {
  return (
    <section aria-label="Menu">
      <div className="fixed inset-0 z-40" />
      {children}
    </section>
  );
}

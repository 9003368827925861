/** The mark: a circle in two halves, one asked for, one filled. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path
        d="M10.6 2.2a10 10 0 0 0 0 19.6z"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeDasharray="2.6 1.9"
      />
      <path d="M13.4 2.2a10 10 0 0 1 0 19.6z" fill="var(--marker)" />
    </svg>
  );
}

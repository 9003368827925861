/**
 * Colours of objects, told apart by everyone: those of Python's `effects/palette.py`, where their distances in
 * OKLab under simulated colour blindness are explained.
 */
export const PALETTE = [
  "#5AB1FE", // sky
  "#F3669A", // pink
  "#FEF145", // yellow
  "#963BF9", // violet
  "#0A8708", // green
  "#46FBFB", // aqua
  "#9E2B87", // plum
  "#DAB33A", // gold
] as const;

/** `#rrggbb` of the object at a 0-based place; repeats after the last. */
export function colorOf(place: number): string {
  return PALETTE[place % PALETTE.length] ?? PALETTE[0];
}

/** `#rrggbb` → [r, g, b], each 0…1. */
export function rgb(color: string): [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** Near-black or white, whichever reads better on a colour (WCAG's relative luminance). */
export function inkOn(color: string): string {
  const [r, g, b] = rgb(color).map((channel) => channel ** 2.2) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22 ? "#121418" : "#ffffff";
}

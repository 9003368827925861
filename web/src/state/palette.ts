/**
 * Colours of objects, told apart by everyone: those of Python's `effects/palette.py`, where their distances in
 * OKLab under simulated colour blindness are explained.
 */
const NAMED = {
  "#5AB1FE": "Sky",
  "#F3669A": "Pink",
  "#FEF145": "Yellow",
  "#963BF9": "Violet",
  "#0A8708": "Green",
  "#46FBFB": "Aqua",
  "#9E2B87": "Plum",
  "#DAB33A": "Gold",
} as const;

type Named = keyof typeof NAMED;
export const PALETTE = Object.keys(NAMED) as [Named, ...Named[]];

/** For people, some of whom do not see it. */
export function colorName(color: Named): string {
  return NAMED[color];
}

/** `#rrggbb` of the object at a 0-based place; repeats after the last. */
export function colorOf(place: number): string {
  return PALETTE[place % PALETTE.length] ?? PALETTE[0];
}

/** `#rrggbb`, or `#rgb` as a build makes it shorter → [r, g, b], each 0…1. */
export function rgb(color: string): [number, number, number] {
  const digits = color.slice(1);
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** Near-black or white, whichever reads better on a colour (WCAG's relative luminance). */
export function inkOn(color: string): string {
  const [r, g, b] = rgb(color).map((channel) => channel ** 2.2) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22 ? "#121418" : "#ffffff";
}

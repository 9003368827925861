"""Colours of objects: told apart by everyone.

Found by search: the smallest distance between any two, in OKLab, is 0.14 or more for normal sight
and for simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009), about twice that of
the Okabe-Ito set. The order puts unlike colours next to each other.
"""

from __future__ import annotations

from splitmask.effects.base import Rgb

PALETTE: tuple[str, ...] = (
    "#5AB1FE",  # sky
    "#F3669A",  # pink
    "#FEF145",  # yellow
    "#963BF9",  # violet
    "#0A8708",  # green
    "#46FBFB",  # aqua
    "#9E2B87",  # plum
    "#DAB33A",  # gold
)


def color_of(number: int) -> str:
    """`#rrggbb` of the object at a 0-based place; repeats after the last."""
    return PALETTE[number % len(PALETTE)]


def rgb(color: str) -> Rgb:
    """`#rrggbb` → (r, g, b), each 0…255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def ink_on(color: Rgb) -> Rgb:
    """Near-black or white, whichever reads better on a colour (WCAG's relative luminance)."""
    red, green, blue = (channel / 255 for channel in color)
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return (18, 20, 24) if luminance > 0.22 else (255, 255, 255)

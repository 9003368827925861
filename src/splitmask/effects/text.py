"""Text as a coverage mask."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from splitmask.effects.base import Rgb, blend
from splitmask.types import ByteArray, FloatArray

# For scripts that Pillow's own font lacks; whichever the system has.
_WIDE_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def render_text(text: str, size: float) -> FloatArray:
    """One line of text → (h, w) coverage 0…1, its capitals centred in the height.

    `h` depends on the size only, so that lines align.
    """
    font = _font(size, plain=text.isascii())
    left, _, right, _ = font.getbbox(text)
    _, capital_top, _, capital_bottom = font.getbbox("H")
    margin = max(font.getbbox("g")[3] - capital_bottom, capital_top - font.getbbox("Á")[1])
    top, bottom = capital_top - margin, capital_bottom + margin
    picture = Image.new("L", (max(int(np.ceil(right - left)), 1), int(np.ceil(bottom - top))))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font)
    return np.asarray(picture, np.float32) / np.float32(255)


def draw_text(out: ByteArray, text: FloatArray, x: int, y: int, color: Rgb) -> None:
    """Draws rendered text in place, its top left pixel at (x, y); what lies beyond the picture is cut off."""
    height, width = out.shape[:2]
    visible = text[max(-y, 0) : max(height - y, 0), max(-x, 0) : max(width - x, 0)]
    rows, columns = (slice(max(at, 0), max(at, 0) + n) for at, n in zip((y, x), visible.shape, strict=True))
    blend(out, rows, columns, visible, color)


def shorten(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis so that it fits a width in pixels."""
    if render_text(text, size).shape[1] <= width:
        return text
    while text and render_text(text + "…", size).shape[1] > width:
        text = text[:-1]
    return text + "…"


@lru_cache(maxsize=64)
def _font(size: float, plain: bool) -> Font:
    for name in () if plain else _WIDE_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)

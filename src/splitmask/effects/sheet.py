"""Many pictures on one: for reports, galleries and a quick look at a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from splitmask.effects.shapes import rounded_box
from splitmask.effects.text import draw_text, render_text, shorten
from splitmask.errors import MaskError
from splitmask.types import ByteArray

_GROUND, _INK = (22, 24, 29), (205, 210, 220)


def contact_sheet(
    images: Sequence[ByteArray], columns: int, captions: Sequence[str] = (), cell_width: int = 480
) -> ByteArray:
    """Pictures (H, W, 3) of any sizes → one (H', W', 3), `columns` to a row, captions below them.

    Cells are `cell_width` pixels wide and as tall as the first picture asks for; others are fitted
    in. Raises MaskError where there is no picture or captions do not match.
    """
    if not images or columns < 1 or (captions and len(captions) != len(images)):
        raise MaskError("a contact sheet takes one picture or more, and one caption each or none")
    columns = min(columns, len(images))
    height = max(round(cell_width * images[0].shape[0] / images[0].shape[1]), 1)
    gap, size = max(cell_width // 30, 4), max(cell_width / 30, 11.0)
    line = round(size * 2) if captions else 0
    rows = -(-len(images) // columns)
    shape = (rows * (height + line + gap) + gap, columns * (cell_width + gap) + gap, 3)
    sheet = np.empty(shape, np.uint8)
    sheet[:] = _GROUND
    for place, image in enumerate(images):
        y = gap + place // columns * (height + line + gap)
        x = gap + place % columns * (cell_width + gap)
        _paste(sheet[y : y + height, x : x + cell_width], image, radius=gap / 2)
        if captions:
            text = render_text(shorten(captions[place], size, cell_width), size)
            draw_text(sheet, text, x, y + height + round((line - text.shape[0]) / 2) + 2, _INK)
    return sheet


def _paste(cell: ByteArray, image: ByteArray, radius: float) -> None:
    """Fits a picture into a cell, in place, with its corners rounded."""
    height, width = cell.shape[:2]
    factor = min(height / image.shape[0], width / image.shape[1])
    h, w = (max(round(side * factor), 1) for side in image.shape[:2])
    small = np.array(Image.fromarray(image).resize((w, h), Image.Resampling.LANCZOS))
    window = cell[(height - h) // 2 :, (width - w) // 2 :][:h, :w]
    coverage = np.zeros((h, w, 3), np.uint8)
    rounded_box(coverage, (0, 0, w, h), radius, (255, 255, 255))
    alpha = coverage[..., :1].astype(np.float32) / np.float32(255)
    window[:] = np.rint(small * alpha + window * (1 - alpha)).astype(np.uint8)

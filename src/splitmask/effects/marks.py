"""What a person did and called things: clicks, boxes and names, drawn over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from splitmask.effects.base import Layer, Rgb, check, line_width
from splitmask.effects.palette import ink_on
from splitmask.effects.shapes import Point, capsule, disc, rounded_box
from splitmask.effects.text import draw_text, render_text, shorten
from splitmask.effects.tint import overlay
from splitmask.types import ByteArray, FloatArray, Prompt

_BLACK, _WHITE, _DARK = (0, 0, 0), (255, 255, 255), (18, 20, 24)
_GAP = 0.7  # between a chip and what it names, in font sizes

Box = tuple[float, float, float, float]


def prompt_marks(image: ByteArray, prompt: Prompt, color: Rgb) -> ByteArray:
    """(H, W, 3) with a prompt's box dashed and its points as small discs with a plus or a minus.

    Points on the object are filled with its colour, points off it dark with a rim in its colour:
    shape and lightness tell them apart, not hue.
    """
    check(image, ())
    out = np.array(image)
    scale = _scale(image)
    if prompt.box is not None:
        x0, y0, x1, y1 = (float(value) for value in prompt.box)
        _dashed_box(out, (x0, y0, x1, y1), color, scale)
    for (x, y), label in zip(prompt.points.tolist(), prompt.labels.tolist(), strict=True):
        _point(out, (x, y), label == 1, color, scale)
    return out


def labels(image: ByteArray, layers: Sequence[Layer]) -> ByteArray:
    """(H, W, 3) with a chip above each object: its label on its colour. Chips avoid each other."""
    check(image, layers)
    out = np.array(image)
    size = 14.0 * _scale(image)
    taken: list[Box] = []
    for layer in layers:
        if layer.label and layer.mask.any():
            text = render_text(shorten(layer.label, size, image.shape[1] * 0.6), size)
            box = _place(layer, text, size, taken, image.shape[:2])
            taken.append(box)
            _chip(out, box, text, layer.color, size)
    return out


def labelled(image: ByteArray, layers: Sequence[Layer]) -> ByteArray:
    """Tint, outline and a chip with the name of each object."""
    return labels(overlay(image, layers), layers)


def _scale(image: ByteArray) -> float:
    """1 at 720p; marks grow with the picture as its lines do."""
    return line_width(image.shape[:2]) / 2.5


def _point(out: ByteArray, at: Point, inside: bool, color: Rgb, scale: float) -> None:
    radius = 8.5 * scale
    fill, rim = (color, _WHITE) if inside else (_DARK, color)
    ink = ink_on(color) if inside else _WHITE
    disc(out, (at[0], at[1] + 0.8 * scale), radius + 1.5 * scale, _BLACK, 0.4, soft=4 * scale)
    disc(out, at, radius, rim)
    disc(out, at, radius - 1.8 * scale, fill)
    arm, half = 3.4 * scale, 0.95 * scale
    capsule(out, (at[0] - arm, at[1]), (at[0] + arm, at[1]), half, ink)
    if inside:
        capsule(out, (at[0], at[1] - arm), (at[0], at[1] + arm), half, ink)


def _dashed_box(out: ByteArray, box: Box, color: Rgb, scale: float) -> None:
    """Dashes are centred on the corners, so that these are whole; a dark line lies under them."""
    x0, y0, x1, y1 = box
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    sides = list(pairwise(corners))
    for start, stop in sides:
        capsule(out, start, stop, 1.9 * scale, _BLACK, 0.3, soft=1.6)
    for start, stop in sides:
        for a, b in _dashes(start, stop, 13 * scale):
            capsule(out, a, b, 1.1 * scale, color)


def _dashes(start: Point, stop: Point, period: float) -> list[tuple[Point, Point]]:
    length = float(np.hypot(stop[0] - start[0], stop[1] - start[1]))
    count = max(round(length / period), 1)

    def at(step: float) -> Point:
        part = min(max(step / count, 0.0), 1.0)
        return start[0] + part * (stop[0] - start[0]), start[1] + part * (stop[1] - start[1])

    return [(at(step - 0.28), at(step + 0.28)) for step in range(count + 1)]


def _place(layer: Layer, text: FloatArray, size: float, taken: list[Box], frame: tuple[int, ...]) -> Box:
    """Above the object's top; moved into the frame, then down past chips that are there already."""
    row = int(np.flatnonzero(np.logical_or.reduce(layer.mask > 0, axis=1))[0])
    column = float(np.flatnonzero(layer.mask[row] > 0).mean()) + 0.5
    height, width = text.shape[0] + 0.5 * size, text.shape[1] + 1.1 * size
    x = float(np.clip(column - width / 2, 2, max(frame[1] - width - 2, 2)))
    y = float(np.clip(row - height - _GAP * size, 2, max(frame[0] - height - 2, 2)))
    for other in sorted(taken, key=lambda box: box[1]):
        if x < other[2] and other[0] < x + width and y < other[3] and other[1] < y + height:
            y = other[3] + 2
    return round(x), round(y), round(x) + width, round(y) + height


def _chip(out: ByteArray, box: Box, text: FloatArray, color: Rgb, size: float) -> None:
    x0, y0, x1, y1 = box
    radius = 0.42 * size
    rounded_box(out, (x0 - 1, y0, x1 + 1, y1 + 2), radius, _BLACK, 0.35, soft=0.3 * size)
    rounded_box(out, box, radius, color)
    x, y = round((x0 + x1 - text.shape[1]) / 2), round((y0 + y1 - text.shape[0]) / 2)
    draw_text(out, text, x, y, ink_on(color))

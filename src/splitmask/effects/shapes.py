"""A few antialiased shapes, drawn in place from their signed distances. Coordinates (x, y), pixel edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splitmask.effects.base import Rgb, blend
from splitmask.types import ByteArray, FloatArray

Point = tuple[float, float]
# x (w,), y (h, 1) of pixel centres → signed distance (h, w), negative inside.
Distance = Callable[[FloatArray, FloatArray], FloatArray]


def disc(
    out: ByteArray, center: Point, radius: float, color: Rgb, alpha: float = 1.0, soft: float = 1.0
) -> None:
    """A filled circle; `soft` is the width of its edge in pixels."""
    capsule(out, center, center, radius, color, alpha, soft)


def capsule(
    out: ByteArray,
    start: Point,
    stop: Point,
    radius: float,
    color: Rgb,
    alpha: float = 1.0,
    soft: float = 1.0,
) -> None:
    """A thick line with round ends."""

    def distance(x: FloatArray, y: FloatArray) -> FloatArray:
        dx, dy = stop[0] - start[0], stop[1] - start[1]
        length = dx * dx + dy * dy
        x, y = x - np.float32(start[0]), y - np.float32(start[1])
        along = np.clip((x * dx + y * dy) / length, 0, 1) if length else np.float32(0)
        return np.asarray(np.hypot(x - along * dx, y - along * dy) - radius, np.float32)

    left, right = sorted((start[0], stop[0]))
    top, bottom = sorted((start[1], stop[1]))
    _fill(out, (left - radius, top - radius, right + radius, bottom + radius), distance, color, alpha, soft)


def rounded_box(
    out: ByteArray,
    box: tuple[float, float, float, float],
    radius: float,
    color: Rgb,
    alpha: float = 1.0,
    soft: float = 1.0,
) -> None:
    """A filled box x0, y0, x1, y1 with round corners."""
    x0, y0, x1, y1 = box
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)

    def distance(x: FloatArray, y: FloatArray) -> FloatArray:
        dx = np.abs(x - (x0 + x1) / 2) - ((x1 - x0) / 2 - radius)
        dy = np.abs(y - (y0 + y1) / 2) - ((y1 - y0) / 2 - radius)
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        return np.asarray(outside + np.minimum(np.maximum(dx, dy), 0) - radius, np.float32)

    _fill(out, box, distance, color, alpha, soft)


def _fill(
    out: ByteArray,
    bounds: tuple[float, float, float, float],
    distance: Distance,
    color: Rgb,
    alpha: float,
    soft: float,
) -> None:
    height, width = out.shape[:2]
    x0, y0 = (max(int(np.floor(value - soft)), 0) for value in bounds[:2])
    x1, y1 = (int(np.ceil(value + soft)) for value in bounds[2:])
    columns, rows = slice(x0, max(min(x1, width), x0)), slice(y0, max(min(y1, height), y0))
    x = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
    coverage = np.clip(0.5 - distance(x, y) / soft, 0, 1)
    blend(out, rows, columns, coverage * np.float32(alpha), color)

"""Seeded procedural textures: the demo clip is made of them, so nothing is stored or fetched."""

from __future__ import annotations

import numpy as np
from PIL import Image

from splitmask.types import FloatArray

Colour = tuple[int, int, int]


def noise(
    shape: tuple[int, int], cell: tuple[float, float], rng: np.random.Generator, octaves: int = 4
) -> FloatArray:
    """Fractal value noise (H, W) in 0…1; `cell` is the (height, width) of its largest blobs in pixels."""
    h, w = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = (max(2, round(h / cell[0] * 2**octave) + 1), max(2, round(w / cell[1] * 2**octave) + 1))
        values = Image.fromarray(rng.random(grid, np.float32))
        smooth = values.resize((w, h), Image.Resampling.BICUBIC)
        total += np.asarray(smooth, np.float32) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low)


def ramp(value: FloatArray, *colours: Colour) -> FloatArray:
    """(…) in 0…1 → (…, 3) in 0…1, along evenly spaced colours."""
    stops = np.linspace(0, 1, len(colours))
    table = np.array(colours, np.float32) / 255
    return np.stack([np.interp(value, stops, table[:, c]) for c in range(3)], -1).astype(np.float32)


def smoothstep(low: float, high: float, value: FloatArray) -> FloatArray:
    """0 below `low`, 1 above `high`, and a smooth rise between them."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def over(canvas: FloatArray, colour: FloatArray, alpha: FloatArray) -> None:
    """Lays `colour` (H, W, 3) on `canvas` (H, W, 3), in place, by `alpha` (H, W)."""
    canvas += alpha[..., None] * (colour - canvas)

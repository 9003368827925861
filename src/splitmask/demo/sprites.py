"""The two things to follow: a basketball that rolls and bounces, and a hot-air balloon.

Each returns colour (h, w, 3) and alpha (h, w) over a patch whose pixel centres are `x`, `y`, measured
from the sprite's centre in units of its radius.
"""

from __future__ import annotations

import numpy as np

from splitmask.demo.texture import noise, ramp, smoothstep
from splitmask.types import FloatArray

_LIGHT = np.array([-0.45, -0.62, 0.64], np.float32)  # from the upper left, towards the viewer
_HALF = (_LIGHT + np.array([0, 0, 1])) / np.linalg.norm(_LIGHT + np.array([0, 0, 1]))
_GORES = 12

Sprite = tuple[FloatArray, FloatArray]


def ball(x: FloatArray, y: FloatArray, roll: float, spin: float, pixel: float) -> Sprite:
    """`roll` turns about the line of sight, `spin` about the vertical; `pixel` is 1 / radius."""
    distance = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - distance**2, 0, 1))
    a, b, c = _turned(x, y, z, roll, spin)
    grain = np.float32(0.5) + np.float32(0.5) * np.sin(43 * a) * np.sin(47 * b) * np.sin(41 * c)
    leather = ramp(np.asarray(grain, np.float32), (205, 88, 24), (232, 116, 42))
    seam = np.minimum.reduce([np.abs(a), np.abs(b), np.abs(np.abs(a) - 0.45 - 0.35 * b * b)])
    colour = leather * smoothstep(0.02, 0.02 + 2.2 * pixel, seam)[..., None]
    colour = _lit(colour, x, y, z, ambient=0.34, shine=0.30)
    return colour, smoothstep(-pixel, pixel, 1 - distance)


def balloon(x: FloatArray, y: FloatArray, spin: float, pixel: float) -> Sprite:
    """An envelope of striped gores with a zigzag band, ropes and a basket; reaches to y = 1.72."""
    width = _envelope_width(y)
    across = np.asarray(np.clip(x / np.maximum(width, 1e-3), -1, 1), np.float32)
    z = np.asarray(np.sqrt(1 - across**2), np.float32)
    gore = (np.arcsin(across) / np.pi + spin) * _GORES
    stripe = np.asarray(np.sin(gore * np.pi), np.float32)
    colour = ramp(smoothstep(-0.15, 0.15, stripe), (176, 28, 54), (206, 46, 52))
    zigzag = np.abs(y - 0.06 - 0.16 * (np.abs(gore % 2 - 1) - 0.5))
    band = 1 - smoothstep(0.10, 0.10 + 2 * pixel, zigzag)
    colour += band[..., None] * (ramp(band, (244, 190, 60), (244, 190, 60)) - colour)
    colour = _lit(colour, np.float32(0.9) * across, np.clip(y, -1, 1) * 0.8, z, ambient=0.46, shine=0.12)
    inside = (width - np.abs(x)) * smoothstep(-1.02, -0.9, y) + np.minimum(0, 1 + y)
    alpha = smoothstep(-pixel, pixel, inside) * (y < 1.2)
    return _with_basket(colour, np.asarray(alpha, np.float32), x, y, pixel)


def _turned(x: FloatArray, y: FloatArray, z: FloatArray, roll: float, spin: float) -> tuple[FloatArray, ...]:
    """Points of the sphere in the ball's own axes."""
    a, b = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    return a * np.cos(spin) + z * np.sin(spin), b, z * np.cos(spin) - a * np.sin(spin)


def _lit(
    colour: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray, *, ambient: float, shine: float
) -> FloatArray:
    """Lambert's cosine law with a highlight halfway between the light and the eye."""
    lambert = np.clip(x * _LIGHT[0] + y * _LIGHT[1] + z * _LIGHT[2], 0, 1)
    gloss = np.clip(x * _HALF[0] + y * _HALF[1] + z * _HALF[2], 0, 1) ** 24 * shine
    return np.asarray(
        colour * (ambient + (1.12 - ambient) * lambert)[..., None] + gloss[..., None], np.float32
    )


def _envelope_width(y: FloatArray) -> FloatArray:
    """Half the envelope's width at height y: a circle above, drawn in to a narrow mouth below."""
    circle = np.sqrt(np.clip(1 - np.minimum(y, 0.35) ** 2, 0, 1))
    taper = 0.937 - 0.80 * smoothstep(0.2, 1.35, y)
    return np.asarray(np.where(y < 0.35, circle, np.minimum(circle, taper)), np.float32)


def _with_basket(colour: FloatArray, alpha: FloatArray, x: FloatArray, y: FloatArray, pixel: float) -> Sprite:
    inside = np.minimum(0.2 - np.abs(x), np.minimum(y - 1.44, 1.72 - y))
    basket = smoothstep(-pixel, pixel, inside)
    wicker = ramp(noise(x.shape, (3, 3), np.random.default_rng(5), 1), (96, 58, 28), (150, 100, 52))
    ropes = (np.abs(np.abs(x) - 0.17) < 0.7 * pixel) & (y > 1.15) & (y < 1.5)
    ropes_alpha = np.asarray(ropes, np.float32) * 0.8
    colour = np.where((y > 1.15)[..., None], wicker, colour)
    return colour, np.maximum(alpha, np.maximum(basket, ropes_alpha))

"""Soft edges: a mask as an alpha channel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from splitmask.errors import MaskError
from splitmask.types import BoolArray, FloatArray

MAX_RADIUS = 50.0


def feather(mask: BoolArray, radius: float, kind: Literal["gaussian", "box"] = "gaussian") -> FloatArray:
    """(H, W) bool → (H, W) float32 alpha 0…1 in steps of 1/255, soft over `radius` pixels to either side.

    `radius` is 0…50; for "gaussian" it is two standard deviations, for "box" the ramp's half width.
    Beyond the frame the mask is taken to go on, so that an object cut by the border stays solid
    there. Raises MaskError if the radius is out of range.
    """
    if not 0 <= radius <= MAX_RADIUS:
        raise MaskError(f"feather takes a radius of 0 to {MAX_RADIUS:g} pixels, not {radius:g}")
    alpha = np.asarray(mask, np.bool_).astype(np.uint8) * np.uint8(255)
    if radius:
        blur = ImageFilter.GaussianBlur(radius / 2) if kind == "gaussian" else ImageFilter.BoxBlur(radius)
        alpha = np.asarray(Image.fromarray(alpha).filter(blur))
    return alpha.astype(np.float32) / np.float32(255)

"""The object alone: on nothing, or on one colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splitmask.effects.base import Layer, Rgb, alpha_of, check
from splitmask.types import ByteArray


def cutout(image: ByteArray, layers: Sequence[Layer]) -> ByteArray:
    """(H, W, 3) → (H, W, 4): the picture, opaque where any layer is (straight, not premultiplied, alpha)."""
    check(image, layers)
    alpha = np.rint(alpha_of(layers, image.shape[:2]) * 255).astype(np.uint8)
    return np.dstack((image, alpha))


def erase(image: ByteArray, layers: Sequence[Layer], color: Rgb = (0, 0, 0)) -> ByteArray:
    """(H, W, 3) with everything but the layers replaced by one colour (black, white, a green screen)."""
    check(image, layers)
    alpha = alpha_of(layers, image.shape[:2])[..., None]
    mixed = image * alpha + np.array(color, np.float32) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)

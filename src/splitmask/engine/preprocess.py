"""Frame → the model's square, the same way in every engine and in the browser."""

from __future__ import annotations

import numpy as np
from PIL import Image

from splitmask.types import ByteArray


def stretch(image: ByteArray, side: int) -> ByteArray:
    """(H, W, 3) uint8 → (side, side, 3) uint8, stretched, by antialiased bilinear interpolation
    (Pillow's BILINEAR). The web's resampler is held to this within 1/255 by fixtures."""
    if image.shape[:2] == (side, side):
        return image
    resized = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.array(resized)

"""Frame → the model's square, the same way in every engine and in the browser."""

from __future__ import annotations

import numpy as np
from PIL import Image

from splitmask.presets import Preset
from splitmask.types import ByteArray, FloatArray


def stretch(image: ByteArray, side: int) -> ByteArray:
    """(H, W, 3) uint8 → (side, side, 3) uint8, stretched, by antialiased bilinear interpolation
    (Pillow's BILINEAR). The web's resampler is held to this within 1/255 by fixtures."""
    if image.shape[:2] == (side, side):
        return image
    resized = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.array(resized)


def normalised(square: ByteArray, preset: Preset) -> FloatArray:
    """(S, S, 3) uint8 → (1, 3, S, S) float32, less the preset's mean and divided by its deviation."""
    mean, std = np.asarray(preset.mean, np.float32), np.asarray(preset.std, np.float32)
    planes = np.ascontiguousarray(square.transpose(2, 0, 1))
    image: FloatArray = np.multiply(planes, (1.0 / (255.0 * std)).reshape(3, 1, 1), dtype=np.float32)
    image -= (mean / std).reshape(3, 1, 1)
    return image[None]

"""What an effect is: a picture and layers in, a picture out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from splitmask.errors import MaskError
from splitmask.types import BoolArray, ByteArray, FloatArray

Rgb = tuple[int, int, int]
SoftMask = BoolArray | FloatArray  # (H, W) bool, or float 0…1


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One object on one frame, as effects see it. Later layers lie above earlier ones."""

    mask: SoftMask
    color: Rgb
    label: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of the table of effects. `apply` never changes its input."""

    name: str
    label: str  # for people
    apply: Callable[[ByteArray, Sequence[Layer]], ByteArray]
    has_alpha: bool = False  # gives (H, W, 4) RGBA rather than (H, W, 3) RGB


def check(image: ByteArray, layers: Sequence[Layer]) -> None:
    """Raises MaskError unless the image is uint8 (H, W, 3) and every mask (H, W)."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise MaskError(f"an effect takes uint8 (height, width, 3), not {image.dtype} {image.shape}")
    for layer in layers:
        if layer.mask.shape != image.shape[:2]:
            raise MaskError(f"a mask of {layer.mask.shape} does not fit a picture of {image.shape[:2]}")


def alpha_of(layers: Sequence[Layer], shape: tuple[int, int]) -> FloatArray:
    """(H, W) float32 0…1: how much each pixel belongs to any of the layers."""
    alpha = np.zeros(shape, np.float32)
    for layer in layers:
        np.maximum(alpha, layer.mask, out=alpha, casting="unsafe")
    return alpha


def window(mask: SoftMask, margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns of the mask's bounding box, grown by `margin` and cut at the frame."""
    inside = mask > 0
    rows = np.flatnonzero(np.logical_or.reduce(inside, axis=1))
    columns = np.flatnonzero(np.logical_or.reduce(inside, axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


def line_width(size: tuple[int, int]) -> float:
    """A line's width in pixels that looks alike on pictures of any (height, width)."""
    return float(np.clip(0.0026 * np.sqrt(size[0] * size[1]), 1.6, 5.8))


def blend(out: ByteArray, rows: slice, columns: slice, alpha: FloatArray, color: Rgb) -> None:
    """Mixes a colour into a window of a picture, in place; alpha (h, w) 0…1."""
    weight = np.rint(alpha * 256).astype(np.uint16)
    rest = np.uint16(256) - weight
    for channel, value in enumerate(color):
        mixed = out[rows, columns, channel].astype(np.uint16)
        mixed *= rest
        mixed += weight * np.uint16(value)
        mixed >>= np.uint16(8)
        out[rows, columns, channel] = mixed

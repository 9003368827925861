"""Between the model's square and the frame. The frame is stretched to the square, not letterboxed.

The arithmetic is that of PyTorch's `interpolate` (half-pixel centres, `align_corners=False`), so
that a mask does not depend on which runtime is installed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from splitmask.types import BoolArray, FloatArray

_STRIP = 16  # rows at a time: the intermediates stay in the processor's cache


def upsample_logits(logits: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(M, N) float32 → (H, W) float32, bilinear, as `interpolate(mode="bilinear")` does it."""
    out = np.empty(size, np.float32)
    for rows, values in _strips(logits, size, (0, size[0]), (0, size[1])):
        out[rows] = values
    return out


def logits_to_mask(logits: FloatArray, size: tuple[int, int]) -> BoolArray:
    """(M, N) float32 → (H, W) bool, the same as `upsample_logits(logits, size) > 0` but faster.

    Interpolated values are positive only next to a positive one, so only that window is computed.
    """
    out = np.zeros(size, np.bool_)
    positive = logits > 0
    if not positive.any():
        return out
    y0, y1 = _reach(np.logical_or.reduce(positive, axis=1), size[0])
    x0, x1 = _reach(np.logical_or.reduce(positive, axis=0), size[1])
    for rows, values in _strips(logits, size, (y0, y1), (x0, x1)):
        np.greater(values, 0, out=out[rows, x0:x1])
    return out


def mask_to_square(mask: BoolArray | FloatArray, side: int) -> FloatArray:
    """(H, W) bool or 0…1 → (side, side) float32 0…1, antialiased bilinear.

    The same as `interpolate(mode="bilinear", antialias=True)`, which Pillow's BILINEAR is.
    """
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32))
    return np.array(picture.resize((side, side), Image.Resampling.BILINEAR), np.float32)


class _Axis:
    """For each output position its two neighbours in the input and the weight of the second."""

    def __init__(self, n_in: int, n_out: int) -> None:
        # One rounding, as the fused multiply-add of PyTorch's kernel; two would move the sample.
        scale = float(np.float32(n_in) / np.float32(n_out))
        at = np.maximum((scale * (np.arange(n_out) + 0.5) - 0.5).astype(np.float32), np.float32(0))
        self.low: npt.NDArray[np.int64] = np.minimum(at.astype(np.int64), n_in - 1)
        self.high: npt.NDArray[np.int64] = np.minimum(self.low + 1, n_in - 1)
        self.weight: FloatArray = np.clip(at - self.low.astype(np.float32), 0, 1)


def _strips(
    logits: FloatArray, size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> Iterator[tuple[slice, FloatArray]]:
    """The window rows × columns of the upsampled logits, a few rows at a time."""
    logits = np.ascontiguousarray(logits, dtype=np.float32)
    y, x = _Axis(logits.shape[0], size[0]), _Axis(logits.shape[1], size[1])
    window = slice(*columns)
    weight = x.weight[window]
    wide = np.take(logits, x.low[window], axis=1) * (1 - weight)
    wide += np.take(logits, x.high[window], axis=1) * weight
    for start in range(rows[0], rows[1], _STRIP):
        strip = slice(start, min(start + _STRIP, rows[1]))
        down = y.weight[strip, None]
        values = wide[y.low[strip]]
        values *= 1 - down
        below = wide[y.high[strip]]
        below *= down
        values += below
        yield strip, values


def _reach(positive: BoolArray, n_out: int) -> tuple[int, int]:
    """Output range [start, stop) that has a positive input among its neighbours."""
    axis = _Axis(len(positive), n_out)
    reached = np.flatnonzero(positive[axis.low] | positive[axis.high])
    return (int(reached[0]), int(reached[-1]) + 1) if len(reached) else (0, 0)

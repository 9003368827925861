"""A mask's edge as a distance, so that a line along it can be drawn antialiased at any width.

The mask is blurred by a small triangular kernel; along a straight edge the blurred value is a
monotonic function of the signed distance to it, so a table turns values into distances. The blur
also takes the stairs out of a binary mask's edge, which the exact distance would trace.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from splitmask.effects.base import SoftMask, window
from splitmask.types import BoolArray, FloatArray

Counts = npt.NDArray[np.uint16]
Index = npt.NDArray[np.int64]

# Two-tap sums at these spacings, twice each: triangles of radius 3 and 7. Gains stay below 2¹⁶.
_FINE, _COARSE = (1, 1, 2, 2), (1, 1, 2, 2, 4, 4)
REACH = 6.5  # pixels from the edge within which distances are asked for
_INSIDE = 15  # the value of a fully covered pixel before the blur


class Edge:
    """Distances around one mask's edge, within the window where there is anything to draw.

    `reach` is how far from the edge, in pixels, distances are asked for (at most REACH).
    """

    def __init__(self, mask: SoftMask, reach: float) -> None:
        self._spacings = _FINE if reach <= 3 else _COARSE
        self.window = window(mask, margin=sum(self._spacings) // 2)
        levels = _levels(mask[self.window])
        self._blurred = _blur(levels, self._spacings)
        # What is thinner than the kernel, and sharp corners, would blur away: they are on the edge.
        on_edge = np.uint16(len(self.distances()) // 2)
        np.maximum(self._blurred, (levels > _INSIDE // 2) * on_edge, out=self._blurred)

    def pixels(self, touched: BoolArray) -> tuple[Index, Index, Counts]:
        """Rows, columns (of the window) and blurred values of the pixels whose value is `touched`.

        `touched` is a table over `distances()`; the values index such tables.
        """
        at = np.flatnonzero(touched[self._blurred])
        rows, columns = np.divmod(at, max(self._blurred.shape[1], 1))
        return rows, columns, self._blurred.ravel()[at]

    def distances(self) -> FloatArray:
        """Signed distance to the edge (inside positive) for every blurred value, 0 … its maximum."""
        return _distances(self._spacings)


def _levels(mask: SoftMask) -> Counts:
    if mask.dtype == np.bool_:
        return mask.astype(np.uint16) * np.uint16(_INSIDE)
    return np.rint(np.clip(mask, 0, 1) * _INSIDE).astype(np.uint16)


def _blur(levels: Counts, spacings: tuple[int, ...]) -> Counts:
    """Separable sum; the frame's border is repeated, so that no line runs along it."""
    if not levels.size:
        return levels
    out: Counts = np.pad(levels, sum(spacings) // 2, mode="edge")
    for spacing in spacings:
        out = out[spacing:] + out[:-spacing]
    for spacing in spacings:
        out = out[:, spacing:] + out[:, :-spacing]
    return out


@lru_cache
def _distances(spacings: tuple[int, ...]) -> FloatArray:
    """The response to a straight edge, inverted. Values on the flat ends are out of reach."""
    kernel = np.ones(1)
    for spacing in spacings:
        kernel = np.convolve(kernel, [1.0] + [0.0] * (spacing - 1) + [1.0])
    gain = kernel.sum()
    response = np.concatenate(([0.0], np.cumsum(kernel))) * gain * _INSIDE
    at = np.arange(len(response)) - len(response) / 2 + 0.5
    values = np.arange(int(gain * gain) * _INSIDE + 1)
    distances: FloatArray = np.interp(values, response, at).astype(np.float32)
    distances[0], distances[-1] = -np.inf, np.inf
    return distances

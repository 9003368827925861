"""Connected regions of a mask: find them, fill small holes, drop small islands.

Regions are found on the runs of each row: runs of neighbouring rows that touch are linked, and the
links are resolved for all runs at once by hooking roots to the smallest neighbour and shortening
paths (after Shiloach & Vishkin 1982). The cost follows the number of runs, not of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from splitmask.types import BoolArray

Connectivity = Literal[4, 8]
Index = npt.NDArray[np.int64]


def fill_holes(mask: BoolArray, max_area: int) -> BoolArray:
    """(H, W) with background regions of at most `max_area` pixels filled.

    8-connected, and regions at the frame's border count too, both as in SAM 2.
    """
    return np.logical_or(mask, _small_regions(~np.asarray(mask, np.bool_), max_area))


def remove_islands(mask: BoolArray, max_area: int) -> BoolArray:
    """(H, W) without its 8-connected regions of at most `max_area` pixels."""
    mask = np.asarray(mask, np.bool_)
    return np.logical_and(mask, ~_small_regions(mask, max_area))


def components(mask: BoolArray, connectivity: Connectivity = 8) -> tuple[npt.NDArray[np.int32], Index]:
    """(H, W) → labels (H, W), 0 for background, and areas (k + 1,) in pixels, `areas[0]` that of background.

    Labels 1…k go by the first pixel of each region in reading order.
    """
    runs = _Runs.of(np.asarray(mask, np.bool_))
    roots = _resolve(len(runs.start), *runs.links(connectivity))
    _, region = np.unique(roots, return_inverse=True)
    labels = np.zeros(mask.shape, np.int32)
    labels.reshape(-1)[runs.pixels(slice(None))] = np.repeat(region + 1, runs.length)
    areas = np.bincount(region + 1, runs.length, 1).astype(np.int64)
    areas[0] = mask.size - areas.sum()
    return labels, areas


def _small_regions(mask: BoolArray, max_area: int) -> BoolArray:
    """Where the mask's 8-connected regions of at most `max_area` pixels are."""
    runs = _Runs.of(mask)
    roots = _resolve(len(runs.start), *runs.links(8))
    small = np.bincount(roots, runs.length, len(roots))[roots] <= max_area
    out = np.zeros(mask.shape, np.bool_)
    out.reshape(-1)[runs.pixels(small)] = True
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The runs of true pixels, row by row."""

    width: int
    row: Index
    start: Index  # first column
    stop: Index  # one past the last column

    @classmethod
    def of(cls, mask: BoolArray) -> _Runs:
        height, width = mask.shape
        padded = np.zeros((height, width + 1), np.bool_)  # a false column ends every row's last run
        padded[:, :width] = mask
        flat = padded.reshape(-1)
        flips = np.flatnonzero(np.diff(flat, prepend=False, append=False))
        row, start = np.divmod(flips[0::2], width + 1)
        return cls(width, row, start, start + flips[1::2] - flips[0::2])

    @property
    def length(self) -> Index:
        return self.stop - self.start

    def pixels(self, which: slice | BoolArray) -> Index:
        """Flat indices of the pixels of the chosen runs."""
        length = self.length[which]
        first = (self.row * self.width + self.start)[which]
        within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        pixels: Index = np.repeat(first, length) + within
        return pixels

    def links(self, connectivity: Connectivity) -> tuple[Index, Index]:
        """Pairs of runs of neighbouring rows that touch."""
        corner = 1 if connectivity == 8 else 0
        pitch = self.width + 3  # so that no corner reaches into another row
        below = (self.row + 1) * pitch
        first = np.searchsorted(self.row * pitch + self.stop, below + self.start - corner, side="right")
        last = np.searchsorted(self.row * pitch + self.start, below + self.stop + corner, side="left")
        count = np.maximum(last - first, 0)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(np.arange(len(count)), count), np.repeat(first, count) + within


def _resolve(n: int, a: Index, b: Index) -> Index:
    """Links between n nodes → each node's root, the smallest node that it is linked to."""
    root = np.arange(n)
    while not np.array_equal(root[a], root[b]):
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]
    return root

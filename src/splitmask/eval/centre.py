"""Where the next click goes: the pixel of a region that lies deepest inside it.

Depth is the Euclidean distance to the nearest pixel outside, the frame's border counting as outside.
Only the deepest pixels are needed, not the depth of all: distances along the row and the column bound
the depth from above, and every pixel whose bound is below the best depth found is left out. The result
is exact (Felzenszwalb and Huttenlocher 2012 compute the whole transform, by the same row minima).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from splitmask.masks.morphology import components
from splitmask.types import BoolArray

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
_BATCH = 256  # candidates looked at together, the most promising first


@dataclass(frozen=True, slots=True)
class Centre:
    """The deepest pixel of a region."""

    x: int
    y: int
    depth: float  # pixels, ≥ 1
    area: int  # pixels of the connected part of the region that it lies in


def deepest(region: BoolArray) -> Centre | None:
    """(H, W) bool → its deepest pixel; None if the region is empty.

    Of several equally deep ones those in the largest connected part (8 neighbours) count, of these the
    one nearest to their mean.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return None
    y0, x0 = int(rows[0]), int(columns[0])
    padded = np.pad(region[y0 : rows[-1] + 1, x0 : columns[-1] + 1], 1)
    ys, xs, depth = _deepest_pixels(padded)
    parts, areas = components(padded)
    sizes = areas[parts[ys, xs]]
    in_largest = sizes == sizes.max()
    at = np.flatnonzero(in_largest)
    off_mean = (ys[at] - ys[at].mean()) ** 2 + (xs[at] - xs[at].mean()) ** 2
    best = at[np.argmin(off_mean)]
    return Centre(int(xs[best]) - 1 + x0, int(ys[best]) - 1 + y0, float(np.sqrt(depth)), int(sizes[best]))


def _deepest_pixels(region: BoolArray) -> tuple[Ints, Ints, int]:
    """Rows, columns and squared depth of the deepest pixels of a region that leaves its border free."""
    down, across = _along(region, 0), _along(region, 1)
    bound = np.square(np.minimum(down, across)).ravel()
    first = int(bound.argmax())
    reach = int(np.sqrt(bound[first]))
    padded = np.pad(np.square(down), ((0, 0), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, 1)
    best = int(_exact(windows, *np.divmod(np.array([first]), region.shape[1]), reach)[0])
    left = np.flatnonzero(bound >= best)
    left, found = left[np.argsort(-bound[left], kind="stable")], left[:0]
    while len(left):
        batch, left = left[:_BATCH], left[_BATCH:]
        depth = _exact(windows, *np.divmod(batch, region.shape[1]), int(np.sqrt(bound[batch[0]])))
        if depth.max() > best:
            best, found = int(depth.max()), left[:0]
        found = np.concatenate((found, batch[depth == best]))
        left = left[: np.searchsorted(-bound[left], -best, side="right")]
    ys, xs = np.divmod(found, region.shape[1])
    return ys, xs, best


def _exact(windows: Int32s, ys: Ints, xs: Ints, reach: int) -> Int32s:
    """Squared depth of pixels none deeper than `reach`: the least over their row of the squared distance
    along the column there plus the squared way to it."""
    middle = windows.shape[2] // 2
    way = np.arange(-reach, reach + 1, dtype=np.int32) ** 2
    rows = windows[ys, xs, middle - reach : middle + reach + 1]
    return np.asarray((rows + way).min(axis=1))


def _along(region: BoolArray, axis: int) -> Int32s:
    """Distance of each pixel to the nearest one outside along an axis; 0 outside."""
    length = region.shape[axis]
    places = np.arange(length, dtype=np.int32)
    at = places[:, None] if axis == 0 else places[None]
    last = np.maximum.accumulate(np.where(region, np.int32(-length), at), axis=axis)
    ahead = np.flip(np.where(region, np.int32(2 * length), at), axis)
    following = np.flip(np.minimum.accumulate(ahead, axis=axis), axis)
    return np.asarray(np.minimum(at - last, following - at), np.int32)

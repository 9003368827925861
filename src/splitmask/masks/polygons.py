"""Masks as polygons and back. Vertices are pixel corners (x, y): the pixel at column 3 spans x 3…4.

Tracing finds the corners of the mask's outline directly. Sorted by row, consecutive corners bound
the horizontal edges, sorted by column the vertical ones; walking along a row and a column in turn
visits a ring. Rings of objects and of holes run in opposite directions, so that both the even-odd
and the non-zero rule fill them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from splitmask.masks.morphology import components
from splitmask.types import BoolArray

Ring = npt.NDArray[np.float64]  # (n, 2) x, y; the last vertex is joined to the first
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One 4-connected region: its outer ring and those of its holes."""

    outer: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        return (self.outer, *self.holes)


def mask_to_polygons(mask: BoolArray, tolerance: float = 0.0) -> list[Polygon]:
    """(H, W) → polygons with holes, in reading order of their first pixel.

    At tolerance 0 the outline is exact; otherwise no dropped vertex is further than `tolerance`
    pixels from the line that replaces it (Douglas & Peucker 1973).
    """
    mask = np.asarray(mask, np.bool_)
    labels, areas = components(mask, connectivity=4)
    outer: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {label: [] for label in range(1, len(areas))}
    for ring in _trace(mask):
        x, y = ring[0].astype(int)
        # The first vertex is the top left one: the pixel below it is inside the ring.
        if mask[y, x]:
            outer[int(labels[y, x])] = simplify(ring, tolerance)
        else:
            holes[int(labels[y - 1, x])].append(simplify(ring[::-1], tolerance))
    return [Polygon(outer[label], tuple(holes[label])) for label in sorted(outer)]


def polygons_to_mask(polygons: Iterable[Polygon], size: tuple[int, int]) -> BoolArray:
    """Polygons → (H, W): pixels whose centre lies inside, by the even-odd rule over all rings together."""
    return rings_to_mask([ring for polygon in polygons for ring in polygon.rings], size)


def rings_to_mask(rings: Sequence[Ring], size: tuple[int, int]) -> BoolArray:
    """Rings → (H, W) bool, even-odd. What lies beyond the frame is cut off.

    Every crossing of an edge with a row of pixel centres flips all pixels to its right.
    """
    height, width = size
    if not rings:
        return np.zeros(size, np.bool_)
    ends = np.concatenate([np.hstack((ring, np.roll(ring, -1, axis=0))) for ring in rings])
    ends = np.where((ends[:, 1] <= ends[:, 3])[:, None], ends, ends[:, [2, 3, 0, 1]])
    x0, y0, x1, y1 = ends.T
    first = np.clip(np.ceil(y0 - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(y1 - 0.5), 0, height).astype(np.int64) - first
    edge = np.repeat(np.arange(len(ends)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    across = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
    x = x0[edge] + across * (x1 - x0)[edge]
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    flips = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).astype(np.uint8)
    parity = np.cumsum(flips.reshape(height, width + 1)[:, :-1], axis=1, dtype=np.uint8)
    return (parity & 1).astype(np.bool_)


def join_rings(rings: Sequence[Ring]) -> Ring:
    """One ring for all, for formats that know neither holes nor parts.

    Each ring is reached by a bridge there and back between the nearest vertices, which covers no
    area: filled by either rule, the joined ring gives the same mask.
    """
    joined, *rest = sorted(rings, key=len, reverse=True)
    for ring in rest:
        at, other = _nearest(joined, ring)
        around = np.roll(ring, -other, axis=0)
        joined = np.concatenate((joined[: at + 1], around, around[:1], joined[at:]))
    return joined


def simplify(ring: Ring, tolerance: float) -> Ring:
    """(n, 2) → fewer vertices, the first kept; unchanged where less than a triangle would be left."""
    if tolerance <= 0 or len(ring) < 4:
        return ring
    far = int(np.argmax(np.hypot(*(ring - ring[0]).T)))
    closed = np.concatenate((ring, ring[:1]))
    keep = np.zeros(len(closed), np.bool_)
    keep[[0, far]] = True
    spans = [(0, far), (far, len(ring))]
    while spans:
        start, stop = spans.pop()
        off = _distance_to_chord(closed[start + 1 : stop], closed[start], closed[stop])
        if len(off) and off.max() > tolerance:
            split = start + 1 + int(off.argmax())
            keep[split] = True
            spans += [(start, split), (split, stop)]
    kept = closed[:-1][keep[:-1]]
    return kept if len(kept) >= 3 else ring


def _distance_to_chord(points: Ring, start: npt.NDArray[np.float64], stop: npt.NDArray[np.float64]) -> Ring:
    """(n, 2) → (n,) distances to the segment from start to stop."""
    chord = stop - start
    length = float(chord @ chord)
    along = np.clip((points - start) @ chord / length, 0, 1) if length else np.zeros(len(points))
    off: Ring = np.hypot(*(points - start - along[:, None] * chord).T)
    return off


def _nearest(a: Ring, b: Ring) -> tuple[int, int]:
    """The pair of vertices of two rings that are closest to each other."""
    best = (np.inf, 0, 0)
    for start in range(0, len(b), 256):  # in blocks, so that long rings do not fill the memory
        part = b[start : start + 256]
        squares = ((a[:, None] - part[None]) ** 2).sum(axis=-1)
        at = int(squares.argmin())
        best = min(best, (float(squares.flat[at]), at // len(part), start + at % len(part)))
    return best[1], best[2]


def _trace(mask: BoolArray) -> list[Ring]:
    """All rings, each beginning with its top left vertex and going right from there."""
    x, y, after_in_row, after_in_column = _corners(mask)
    rings: list[Ring] = []
    visited = bytearray(len(x))
    along, across = after_in_row.tolist(), after_in_column.tolist()
    for first in range(len(x)):
        if visited[first]:
            continue
        ring: list[int] = []
        at = first
        while not visited[at]:
            beside = along[at]
            visited[at] = visited[beside] = 1
            ring += (at, beside)
            at = across[beside]
        rings.append(np.stack((x[ring], y[ring]), axis=1).astype(np.float64))
    return rings


def _corners(mask: BoolArray) -> tuple[Index, Index, Index, Index]:
    """Corners of the outline in reading order: x, y, and each one's partner along its row and column.

    Where two pixels touch at a corner only, it counts twice: once for the edges of either pixel.
    """
    padded = np.pad(mask, 1)
    northwest, northeast = padded[:-1, :-1], padded[:-1, 1:]
    southwest, southeast = padded[1:, :-1], padded[1:, 1:]
    odd = northwest ^ northeast ^ southwest ^ southeast
    saddle = (northwest == southeast) & (northeast == southwest) & (northwest != northeast)
    y, x = np.nonzero(odd | saddle)
    twice = saddle[y, x]
    copies = np.repeat(np.arange(len(x)), 1 + twice)
    # The first copy ends the edge from the left, the second begins the one to the right. In its
    # column, the first comes first where the left edge and the upper edge belong to one pixel.
    second = np.concatenate(([False], copies[1:] == copies[:-1])) if len(copies) else np.zeros(0, np.bool_)
    crossed = twice[copies] & northeast[y, x][copies]
    x, y = x[copies], y[copies]
    by_column = np.lexsort((second ^ crossed, y, x))
    return x, y, _partners(np.arange(len(x))), _partners(by_column)


def _partners(order: Index) -> Index:
    """Pairs up consecutive entries of an order."""
    partner = np.empty_like(order)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner

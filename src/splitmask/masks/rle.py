"""Run-length encoded masks as COCO writes them: column-major, runs of 0 and 1 alternating from 0.

`counts` is COCO's compressed string: run lengths (from the fourth on, the difference to the run two
before), five bits a character, the sixth bit set where more follow, plus 48. The format is that of
`maskApi.c` in the COCO API (Lin et al. 2014, "Microsoft COCO"); this is an independent, vectorised
implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from splitmask.errors import MaskError
from splitmask.types import BoolArray

Runs = npt.NDArray[np.int64]

_BITS = 5
_MAX_GROUPS = 7  # 35 bits: more than any picture has, and no sum overflows whatever a file holds


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask of (height, width) `size`; `counts` is COCO's compressed ASCII string."""

    size: tuple[int, int]
    counts: str

    def to_json(self) -> dict[str, Any]:
        """`{"size": [h, w], "counts": str}`, as COCO, pycocotools and `result.json` have it."""
        return {"size": list(self.size), "counts": self.counts}


def encode(mask: BoolArray) -> Rle:
    """(H, W) bool → Rle. Raises MaskError if the mask is not two-dimensional or has no pixel."""
    if mask.ndim != 2 or not mask.size:
        raise MaskError(f"a mask is (height, width) with at least one pixel, not {mask.shape}")
    h, w = mask.shape
    return _from_flips(_flips_of_mask(np.asarray(mask, dtype=np.bool_)), (h, w))


def decode(rle: Rle) -> BoolArray:
    """Rle → (H, W) bool, C-contiguous. Raises MaskError if `counts` does not fit `size`."""
    h, w = rle.size
    runs = _runs(rle)
    values = np.zeros(len(runs), np.bool_)
    values[1::2] = True
    return np.ascontiguousarray(np.repeat(values, runs).reshape(w, h).T)


def counts_to_runs(counts: str) -> Runs:
    """COCO's compressed string → (k,) run lengths, the first of background.

    Raises MaskError where the string is empty, cut short, holds a character outside `0`…`o`, or
    gives a negative run.
    """
    groups = _groups(counts)
    last = (groups & 0x20) == 0
    starts = np.flatnonzero(np.concatenate(([True], last[:-1])))
    lengths = np.diff(starts, append=len(groups))
    if not last[-1] or lengths.max() > _MAX_GROUPS:
        raise MaskError("RLE counts are damaged: the last number is cut short or a number is too long")
    position = np.arange(len(groups)) - np.repeat(starts, lengths)
    values = np.add.reduceat((groups & 0x1F) << (_BITS * position), starts)
    negative = (groups[starts + lengths - 1] & 0x10) != 0
    runs: Runs = values - (negative.astype(np.int64) << (_BITS * lengths))
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    if runs.min() < 0:
        raise MaskError(f"RLE counts are damaged: run {int(runs.argmin())} is negative")
    return runs


def runs_to_counts(runs: Sequence[int] | Runs) -> str:
    """(k,) run lengths, the first of background → COCO's compressed string."""
    deltas = np.array(runs, np.int64)
    if not len(deltas) or deltas.min() < 0:
        raise MaskError("RLE runs must be at least one number, none of them negative")
    deltas[3:] -= np.asarray(runs, np.int64)[1:-2]
    # Groups needed so that bit 5n - 1 still carries the sign: magnitude bits plus one, in fives.
    magnitude = np.where(deltas < 0, ~deltas, deltas)
    bits = np.frexp(magnitude.astype(np.float64))[1] + 1
    lengths = (bits + _BITS - 1) // _BITS
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    groups = (np.repeat(deltas, lengths) >> (_BITS * position)) & 0x1F
    groups[position < np.repeat(lengths, lengths) - 1] |= 0x20
    return bytes((groups + 48).astype(np.uint8)).decode("ascii")


def from_json(value: Any, where: str = "rle") -> Rle:
    """`{"size": [h, w], "counts": str | [int, …]}` → checked Rle; uncompressed counts are packed.

    Raises MaskError whose message begins with `where`, the path of the value in its file.
    """
    if not isinstance(value, dict):
        raise MaskError(f"{where}: expected an object with size and counts, found {type(value).__name__}")
    size, counts = value.get("size"), value.get("counts")
    if not (
        isinstance(size, list | tuple) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)
    ):
        raise MaskError(f"{where}.size: expected [height, width], two positive integers")
    if isinstance(counts, list) and counts and all(type(n) is int and 0 <= n < 2**31 for n in counts):
        counts = runs_to_counts(counts)
    if not isinstance(counts, str):
        raise MaskError(f"{where}.counts: expected a COCO string or a list of run lengths")
    rle = Rle((size[0], size[1]), counts)
    try:
        _runs(rle)
    except MaskError as error:
        raise MaskError(f"{where}: {error}") from None
    return rle


def area(rle: Rle) -> int:
    """Number of pixels inside."""
    return int(_runs(rle)[1::2].sum())


def bbox(rle: Rle) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the pixels' edges (x1 = last column + 1); all 0 for an empty mask."""
    h = rle.size[0]
    ends = np.cumsum(_runs(rle))
    filled = ends[1::2] > ends[:-1:2]
    if not filled.any():
        return 0, 0, 0, 0
    first, last = ends[:-1:2][filled], ends[1::2][filled] - 1
    whole = first // h != last // h  # a run over a column's end touches the bottom and the top row
    top = 0 if whole.any() else int((first % h).min())
    bottom = h if whole.any() else int((last % h).max()) + 1
    return int(first[0] // h), top, int(last[-1] // h) + 1, bottom


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union of two masks of one size; 1.0 where both are empty."""
    union = area(merge([a, b]))
    return area(merge([a, b], "intersect")) / union if union else 1.0


def merge(rles: Sequence[Rle], how: Literal["union", "intersect"] = "union") -> Rle:
    """Union or intersection of masks of one size, worked out on the runs."""
    if not rles or any(rle.size != rles[0].size for rle in rles):
        raise MaskError("masks to merge must be at least one, and all of one size")
    flips = [np.cumsum(_runs(rle)[:-1]) for rle in rles]
    steps = [np.where(np.arange(len(f)) % 2, -1, 1) for f in flips]
    positions, inverse = np.unique(np.concatenate(flips), return_inverse=True)
    depth = np.cumsum(np.bincount(inverse, np.concatenate(steps), len(positions)))
    inside = depth >= (1 if how == "union" else len(rles))
    changes = np.diff(inside, prepend=False) if len(inside) else inside
    merged = positions[changes]
    return _from_flips(merged[merged < rles[0].size[0] * rles[0].size[1]], rles[0].size)


def _flips_of_mask(mask: BoolArray) -> Runs:
    """Column-major positions where the value changes, found row-major to save the transposition."""
    h, w = mask.shape
    flips = np.empty((h, w), np.bool_)
    np.not_equal(mask[1:], mask[:-1], out=flips[1:])
    np.not_equal(mask[0, 1:], mask[-1, :-1], out=flips[0, 1:])
    flips[0, 0] = mask[0, 0]
    rows, columns = np.divmod(np.flatnonzero(flips), w)
    positions: Runs = columns * h + rows
    positions.sort()
    return positions


def _from_flips(flips: Runs, size: tuple[int, int]) -> Rle:
    return Rle(size, runs_to_counts(np.diff(flips, prepend=0, append=size[0] * size[1])))


def _runs(rle: Rle) -> Runs:
    runs = counts_to_runs(rle.counts)
    h, w = rle.size
    if runs.max() > h * w or runs.sum() != h * w:
        raise MaskError(f"RLE counts add up to {int(runs.sum())} pixels, not the {h}x{w} of the mask")
    return runs


def _groups(counts: str) -> Runs:
    """Characters → (n,) numbers 0…63: five bits of value, one that says that more follow."""
    if not counts:
        raise MaskError("RLE counts are empty")
    try:
        groups = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise MaskError("RLE counts hold a character that is not ASCII") from None
    if groups.min() < 0 or groups.max() > 0x3F:
        at = int(np.flatnonzero((groups < 0) | (groups > 0x3F))[0])
        raise MaskError(f"RLE counts hold {counts[at]!r} at character {at}, which COCO's code does not use")
    return groups

"""Region similarity J, boundary accuracy F, and what is said of them over a clip.

The definitions are those of the DAVIS benchmark (Perazzi et al. 2016, "A Benchmark Dataset and
Evaluation Methodology for Video Object Segmentation") and of its public evaluators for DAVIS 2017
and SA-V; the implementation is independent: a dilation by a disk as shifted runs in the window that
both contours need, instead of one over the whole frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from splitmask.errors import MaskError
from splitmask.types import BoolArray

BOUNDARY_TOLERANCE = 0.008  # of the frame's diagonal
RECALL_THRESHOLD = 0.5
_BINS = 4  # quarters of a clip that the decay compares


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one measure over one clip: mean, share of frames above 0.5, first quarter less the last."""

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """One object's J and F over the scored frames of its clip."""

    j: Statistics
    f: Statistics
    frames: int  # scored

    @property
    def jf(self) -> float:
        """J&F: the mean of both means."""
        return (self.j.mean + self.f.mean) / 2


def region_similarity(predicted: BoolArray, truth: BoolArray) -> float:
    """J: intersection over union of two (H, W) bool masks, 0…1; 1 where both are empty.

    Raises MaskError if the sizes differ.
    """
    _same_size(predicted, truth)
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def boundary_accuracy(predicted: BoolArray, truth: BoolArray, tolerance: float = BOUNDARY_TOLERANCE) -> float:
    """F: harmonic mean of the contours' precision and recall, 0…1, for two (H, W) bool masks.

    A contour pixel is right if the other contour has one within a disk of radius
    ceil(tolerance × diagonal) pixels. Two empty contours agree (1), one empty contour gives 0.
    Raises MaskError if the sizes differ.
    """
    _same_size(predicted, truth)
    h, w = truth.shape
    radius = int(np.ceil(tolerance * np.hypot(h, w)))
    contours = mask_boundary(predicted), mask_boundary(truth)
    counts = [int(np.count_nonzero(contour)) for contour in contours]
    if not all(counts):
        return 0.0 if any(counts) else 1.0
    window = _shared_window(contours[0] | contours[1])
    ours, theirs = contours[0][window], contours[1][window]
    precision = np.count_nonzero(ours & dilate(theirs, radius)) / counts[0]
    recall = np.count_nonzero(theirs & dilate(ours, radius)) / counts[1]
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def mask_boundary(mask: BoolArray) -> BoolArray:
    """(H, W) bool → (H, W) bool: pixels that differ from their right, lower or lower right neighbour.

    The one-pixel contour map of the Berkeley benchmark (Martin et al. 2004), offset half a pixel
    towards the origin. In the last row and column only the neighbour along it counts.
    """
    edges = np.zeros(mask.shape, np.bool_)
    inner = mask[:-1, :-1]
    edges[:-1, :-1] = (inner ^ mask[:-1, 1:]) | (inner ^ mask[1:, :-1]) | (inner ^ mask[1:, 1:])
    edges[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    edges[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return edges


def dilate(mask: BoolArray, radius: int) -> BoolArray:
    """(H, W) bool → (H, W) bool: pixels with one of the mask's within `radius`, Euclidean.

    A disk is a stack of horizontal runs, whose half length grows towards its middle: the mask is
    widened run by run and each width is moved to the rows where the disk has it.
    """
    out = np.zeros(mask.shape, np.bool_)
    wide, reach = mask.copy(), 0
    for dy in range(min(radius, mask.shape[0] - 1), -1, -1):
        half = int(np.sqrt(radius * radius - dy * dy))
        for dx in range(reach + 1, min(half, mask.shape[1] - 1) + 1):
            wide[:, dx:] |= mask[:, :-dx]
            wide[:, :-dx] |= mask[:, dx:]
        reach = max(reach, half)
        out[dy:] |= wide[: len(wide) - dy]
        out[: len(out) - dy] |= wide[dy:]
    return out


def statistics(values: Sequence[float]) -> Statistics:
    """Mean, recall and decay of one measure's values, frame by frame.

    Decay is the mean of the first quarter less that of the last. The quarters share their limits, as
    in the benchmark. The public evaluator keeps frame numbers in 8 bits and errs beyond 256 frames;
    this one does not. Raises ValueError if there is no value.
    """
    if not len(values):
        raise ValueError("statistics need the value of at least one frame")
    series = np.asarray(values, np.float64)
    limits: npt.NDArray[np.int64] = (
        np.round(np.linspace(1, len(series), _BINS + 1) + 1e-10).astype(np.int64) - 1
    )
    first, last = series[limits[0] : limits[1] + 1], series[limits[-2] : limits[-1] + 1]
    return Statistics(
        mean=float(series.mean()),
        recall=float((series > RECALL_THRESHOLD).mean()),
        decay=float(first.mean() - last.mean()),
    )


def scored_frames(annotated: Sequence[int]) -> list[int]:
    """Of an object's annotated frames those that count: the first and the last are left out."""
    return sorted(annotated)[1:-1]


def score_object(j: Sequence[float], f: Sequence[float]) -> ObjectScore:
    """One object's J and F of every scored frame, in order → its score. Raises ValueError if none."""
    return ObjectScore(statistics(j), statistics(f), len(j))


def _same_size(predicted: BoolArray, truth: BoolArray) -> None:
    if predicted.shape != truth.shape or truth.ndim != 2:
        raise MaskError(f"masks to compare must be of one size, not {predicted.shape} and {truth.shape}")


def _shared_window(contours: BoolArray) -> tuple[slice, slice]:
    """The bounding box of all contour pixels: dilation outside it is never looked at."""
    rows = np.flatnonzero(contours.any(axis=1))
    columns = np.flatnonzero(contours.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

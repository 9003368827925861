"""Boxes x0, y0, x1, y1 in pixels, at the pixels' edges: the box of one pixel at (3, 5) is 3, 5, 4, 6."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from splitmask.types import BoolArray, FloatArray


def mask_to_box(mask: BoolArray) -> FloatArray:
    """(H, W) → (4,) x0, y0, x1, y1; all 0 for an empty mask."""
    rows = np.flatnonzero(np.logical_or.reduce(mask, axis=1))
    columns = np.flatnonzero(np.logical_or.reduce(mask, axis=0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def box_area(boxes: FloatArray) -> FloatArray:
    """(…, 4) → (…,); 0 for a box that is turned inside out."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    area: FloatArray = sides[..., 0] * sides[..., 1]
    return area


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, 4), (m, 4) → (n, m) intersection over union; 0 where both are empty."""
    shared = np.concatenate(
        (np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])), axis=-1
    )
    intersection = box_area(shared)
    union = box_area(a)[:, None] + box_area(b)[None] - intersection
    iou: FloatArray = intersection / np.maximum(union, np.float32(1e-30))
    return iou


def nms(boxes: FloatArray, scores: FloatArray, iou_threshold: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression: (n, 4), (n,) → indices kept, best score first.

    A box goes where it overlaps a better one by more than the threshold; of equal scores the first
    is the better.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[box_iou(boxes[best][None], boxes[order])[0] <= iou_threshold]
    return np.array(kept, np.int64)


def box_to_points(box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(4,) → points (2, 2) x, y and labels (2,): 2 for the top left corner, 3 for the bottom right."""
    return np.asarray(box, np.float32).reshape(2, 2), np.array([2, 3], np.float32)

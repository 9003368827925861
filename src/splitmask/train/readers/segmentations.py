"""COCO's `segmentation` values → masks: polygons, packed and plain run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from splitmask.errors import DataError, MaskError
from splitmask.masks import rle
from splitmask.types import BoolArray

Polygon = npt.NDArray[np.float64]  # (n, 2) x, y in pixels


def decode_segmentation(value: Any, size: tuple[int, int], where: str) -> BoolArray:
    """A `segmentation` of COCO, SA-1B or SA-V → (H, W) bool.

    size: (height, width) of the picture. Raises DataError where it is malformed, empty, or a run-length
    mask of another size.
    """
    mask = _decode(value, size, where)
    if not mask.any():
        raise DataError(f"{where}: the annotation is empty; draw the object or remove the annotation")
    return mask


def decode_rle(value: Any, size: tuple[int, int], where: str) -> BoolArray:
    """A run-length mask, possibly without a pixel, of the picture's (H, W). Raises DataError."""
    try:
        mask = rle.decode(rle.from_json(value, where))
    except MaskError as error:
        raise DataError(str(error)) from error
    if mask.shape != size:
        h, w = mask.shape
        raise DataError(f"{where}: the mask is {w}×{h} pixels, its picture {size[1]}×{size[0]}")
    return mask


def fill_polygon(polygon: Polygon, size: tuple[int, int]) -> BoolArray:
    """(n, 2) x, y → (H, W) bool: pixels whose centre is inside, by the even-odd rule.

    Each edge flips everything to its right in the rows that it crosses.
    """
    h, w = size
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    top = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, h).astype(np.int64)
    bottom = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, h).astype(np.int64)
    crossed = bottom - top
    edge = np.repeat(np.arange(len(polygon)), crossed)
    rows = np.arange(crossed.sum()) - np.repeat(np.cumsum(crossed) - crossed, crossed) + top[edge]
    along = (rows + 0.5 - y0[edge]) / (y1 - y0)[edge]
    columns = np.clip(np.ceil(x0[edge] + along * (x1 - x0)[edge] - 0.5), 0, w).astype(np.int64)
    flips = np.bincount(rows * (w + 1) + columns, minlength=h * (w + 1)).reshape(h, w + 1)
    return np.asarray(np.cumsum(flips[:, :w], axis=1) % 2 == 1)


def _decode(value: Any, size: tuple[int, int], where: str) -> BoolArray:
    if isinstance(value, dict):
        return decode_rle(value, size, where)
    if not isinstance(value, list):
        raise DataError(f"{where}: expected polygons or run lengths, found {type(value).__name__}")
    mask = np.zeros(size, np.bool_)
    for coordinates in value:
        mask |= fill_polygon(_polygon(coordinates, where), size)
    return mask


def _polygon(coordinates: Any, where: str) -> Polygon:
    try:
        polygon = np.asarray(coordinates, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        polygon = np.full((1, 2), np.nan)
    if len(polygon) < 3 or not np.isfinite(polygon).all():
        raise DataError(f"{where}: a polygon is a list of at least three x, y pairs")
    return polygon

"""COCO's `segmentation` values → masks: polygons, packed and plain run lengths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from splitmask.errors import DataError, MaskError
from splitmask.masks import rle
from splitmask.masks.polygons import Ring, rings_to_mask
from splitmask.train.readers.samples import Problems
from splitmask.types import BoolArray


def decode_segmentation(value: Any, size: tuple[int, int], where: str) -> BoolArray:
    """A `segmentation` of COCO, SA-1B or SA-V → (H, W) bool.

    size: (height, width) of the picture. Raises DataError where it is malformed, empty, or a run-length
    mask of another size.
    """
    mask = _decode(value, size, where)
    if not mask.any():
        raise DataError(f"{where}: the annotation is empty; draw the object or remove the annotation")
    return mask


def decode_all(
    annotations: Iterable[tuple[str, Any]], size: tuple[int, int], problems: Problems
) -> list[BoolArray]:
    """Where an annotation is, and its `segmentation` → masks (H, W) of those that can be read.

    What cannot be read is reported to `problems` and left out.
    """
    masks = []
    for where, value in annotations:
        try:
            masks.append(decode_segmentation(value, size, where))
        except DataError as error:
            problems.report(error)
    return masks


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


def _decode(value: Any, size: tuple[int, int], where: str) -> BoolArray:
    if isinstance(value, dict):
        return decode_rle(value, size, where)
    if not isinstance(value, list):
        raise DataError(f"{where}: expected polygons or run lengths, found {type(value).__name__}")
    mask = np.zeros(size, np.bool_)
    for coordinates in value:
        mask |= rings_to_mask([_polygon(coordinates, where)], size)
    return mask


def _polygon(coordinates: Any, where: str) -> Ring:
    try:
        polygon = np.asarray(coordinates, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        polygon = np.full((1, 2), np.nan)
    if len(polygon) < 3 or not np.isfinite(polygon).all():
        raise DataError(f"{where}: a polygon is a list of at least three x, y pairs")
    return polygon

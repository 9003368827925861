"""Bytes of pictures and label maps → arrays, with errors that name the file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from splitmask.errors import DataError
from splitmask.train.readers.samples import MAX_LABEL, LabelMap
from splitmask.types import BoolArray, ByteArray

_VOID = 255
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def read_bytes(path: Path) -> bytes:
    """Raises DataError if there is no such file or it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def image_loader(path: Path) -> Callable[[], ByteArray]:
    return lambda: decode_image(read_bytes(path), str(path))


def decode_image(data: bytes, where: str) -> ByteArray:
    """(H, W, 3) uint8 RGB, as stored: annotations refer to stored pixels, so EXIF rotation is not applied."""
    with _open(data, where) as picture:
        return np.asarray(_pixels(picture, where).convert("RGB"))


def decode_labels(data: bytes, where: str) -> LabelMap:
    """(H, W) uint8 of an indexed or greyscale picture. Raises DataError for any other.

    255 in an indexed picture, or beside other labels, is the benchmarks' "void" and becomes 0. In a
    greyscale picture of 0 and 255 alone it is the one object and becomes 1.
    """
    with _open(data, where) as picture:
        values = np.asarray(_pixels(picture, where))
        indexed = picture.mode == "P"
    if values.ndim != 2:
        raise DataError(f"{where} is a colour picture; a label map is indexed or greyscale")
    labels = np.array(values, np.uint8)
    if values.max() > _VOID or values.min() < 0 or ((labels > MAX_LABEL) & (labels < _VOID)).any():
        raise DataError(f"{where} has labels outside 0…{MAX_LABEL}; number its objects from 1")
    binary = not indexed and not ((labels > 0) & (labels < _VOID)).any()
    labels[labels == _VOID] = 1 if binary else 0
    return labels


def pack(masks: Sequence[BoolArray]) -> list[LabelMap]:
    """Masks (H, W) that may overlap → as few label maps as first fit finds, largest masks first.

    No pixel is lost: a mask enters the first map in which all its pixels are free.
    """
    maps: list[LabelMap] = []
    counts: list[int] = []
    for mask in sorted(masks, key=np.count_nonzero, reverse=True):
        fits = (n for n, taken in enumerate(maps) if counts[n] < MAX_LABEL and not taken[mask].any())
        number = next(fits, len(maps))
        if number == len(maps):
            maps.append(np.zeros(mask.shape, np.uint8))
            counts.append(0)
        counts[number] += 1
        maps[number][mask] = counts[number]
    return maps


def _open(data: bytes, where: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata and of large pictures below the limit
            return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where} is not a picture that can be read; fetch it again or remove it") from error


def _pixels(picture: Image.Image, where: str) -> Image.Image:
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{where} is broken ({reason}); fetch it again or remove it") from error
    return picture

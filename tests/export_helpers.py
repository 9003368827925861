"""A small clip with two objects, and a disk that is full."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from splitmask.export import ClipInfo
from splitmask.result import ObjectInfo
from splitmask.types import BoolArray, Frame

OBJECTS = (ObjectInfo(1, "dog", "#5AB1FE"), ObjectInfo(2, "red ball", "#F3669A"))
CLIP = ClipInfo("walk.mp4", height=47, width=61, rate=Fraction(25), time_base=Fraction(1, 12800))
STILL = ClipInfo("photo.of.me.jpg", height=47, width=61, is_still=True)


def clip_frames(
    count: int = 5, clip: ClipInfo = CLIP, times: list[Fraction] | None = None
) -> Iterator[tuple[Frame, dict[int, BoolArray]]]:
    """Frames with a disc that moves right (object 1) and a ring that is gone on frame 2 (object 2)."""
    y, x = np.mgrid[: clip.height, : clip.width]
    ramp = np.stack((x * 3, y * 4, x + y), axis=-1).astype(np.uint8)
    for index in range(count):
        time = times[index] if times else Fraction(index) / clip.rate
        disc = np.hypot(y - 20, x - 15 - 3 * index) < 9
        far = np.hypot(y - 33, x - 45)
        masks = {1: disc, 2: (far < 10) & (far > 5)}
        if index == 2:
            del masks[2]
        yield Frame(index, ramp + np.uint8(index % 10), None if clip.is_still else time), masks


def names(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def full_disk(limit: int = 100) -> Iterator[None]:
    """No file of this process can grow beyond `limit` bytes: the system's own error, not an invented one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

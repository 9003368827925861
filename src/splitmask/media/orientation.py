"""How a stored picture is turned to stand upright, whether EXIF or a video's display matrix says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways a rectangle lies on its grid: transpose first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise that the stored picture is turned: 0, 90, 180 or 270.

        A mirrored orientation is that turn followed by a mirroring left to right.
        """
        if self.transpose:
            return 270 if self.flip_y else 90
        return 180 if self.flip_y else 0

    def upright(self, image: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """(H, W, …) as stored → as seen, contiguous; the array itself where nothing has to be done."""
        if self == UPRIGHT:
            return image
        if self.transpose:
            image = image.swapaxes(0, 1)
        rows = slice(None, None, -1 if self.flip_y else None)
        columns = slice(None, None, -1 if self.flip_x else None)
        return np.ascontiguousarray(image[rows, columns])

    def upright_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) as stored → as seen."""
        return (size[1], size[0]) if self.transpose else size


UPRIGHT = Orientation()

# EXIF 2.3, tag 0x0112: where the 0th row and the 0th column of the stored picture belong.
_EXIF = {
    1: UPRIGHT,
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}


def from_exif(value: object) -> Orientation:
    """EXIF's 1…8; anything else counts as upright, as viewers have it."""
    return _EXIF.get(value, UPRIGHT) if isinstance(value, int) else UPRIGHT


def from_display_matrix(matrix: Sequence[int]) -> Orientation | None:
    """A video track's 3×3 matrix (ISO 14496-12, row vectors: x' = a·x + c·y) → its orientation.

    None where the matrix turns by something other than a multiple of 90°.
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if b == c == 0 and a and d:
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    if a == d == 0 and b and c:
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    return None

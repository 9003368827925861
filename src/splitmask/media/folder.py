"""A folder of images as a clip: one frame a file, in the order of the numbers in their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from splitmask.errors import MediaError
from splitmask.media.clip import IndexedClip
from splitmask.media.files import unreadable
from splitmask.media.image import SUFFIXES, open_image, read_image
from splitmask.types import Frame

FOLDER_RATE = Fraction(24)  # frames a second, of a folder that cannot say; DAVIS's and the cinema's

_NUMBER = re.compile(r"(\d+)")


class FolderClip(IndexedClip):
    """A folder of frames of one size, e.g. DAVIS's `00000.jpg, 00001.jpg, …`.

    Files are sorted as people count (`frame9` before `frame10`) and numbered from 0 by position; a
    number that is missing leaves no gap, but a note. Hidden files and files that are no images are
    passed over. Raises MediaError where there is no image, sizes differ (naming the first file that
    does), or two files share a name but for their suffix.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._frames = _image_files(path)
        self.height, self.width = _common_size(self._frames)
        self.rate = FOLDER_RATE
        self.time_base = 1 / FOLDER_RATE
        self.frame_count = len(self._frames)
        self._notes += _gap_notes(path, self._frames)

    def count(self) -> int:
        return len(self._frames)

    def file(self, index: int) -> Path:
        """The file that a frame comes from."""
        self._check_index(index)
        return self._frames[index]

    def _read(self, index: int) -> Frame:
        image = read_image(self._frames[index])
        if image.shape[:2] != (self.height, self.width):
            raise _other_size(self._frames[index], image.shape[:2], (self.height, self.width))
        return Frame(index, image, index / self.rate)

    def _files(self) -> list[Path]:
        return self._frames


def natural_key(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sorts `frame9` before `frame10` and never compares a number with a word."""
    parts = _NUMBER.split(name.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], name


def _image_files(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise unreadable(folder, error) from error
    images = [entry for entry in entries if entry.suffix.lower() in SUFFIXES]
    if not images:
        raise MediaError(f"folder {folder} holds no images{_what_else(entries)}")
    _check_names(images)
    return sorted(images, key=lambda file: natural_key(file.name))


def _what_else(entries: Sequence[Path]) -> str:
    if not entries:
        return "; give a folder of frames such as 00000.jpg, 00001.jpg"
    kinds = Counter(entry.suffix or entry.name for entry in entries)
    suffix, number = kinds.most_common(1)[0]
    return f" (but {number} × {suffix}); give one of its files, or a folder of frames"


def _check_names(images: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for file in sorted(images):
        other = seen.setdefault(file.stem, file)
        if other is not file:
            raise MediaError(
                f"folder {file.parent} holds both {other.name} and {file.name}; keep frames of one kind"
            )


def _common_size(frames: Sequence[Path]) -> tuple[int, int]:
    size = _size(frames[0])
    for file in frames[1:]:
        if (other := _size(file)) != size:
            raise _other_size(file, other, size)
    return size


def _size(file: Path) -> tuple[int, int]:
    with open_image(file) as picture:
        return picture.size


def _other_size(file: Path, size: Sequence[int], expected: tuple[int, int]) -> MediaError:
    return MediaError(
        f"{file} is {size[1]} × {size[0]} pixels, the frames before it {expected[1]} × {expected[0]}; "
        "bring all frames of a folder to one size"
    )


def _gap_notes(folder: Path, frames: Sequence[Path]) -> list[str]:
    """One note where numbered names skip a number; a constant stride (every 5th frame) is no gap."""
    series = [_NUMBER.findall(file.stem) for file in frames]
    if not all(series) or len({_NUMBER.sub("", file.stem) for file in frames}) > 1:
        return []
    numbers = [int(found[-1]) for found in series]
    steps = [after - before for before, after in pairwise(numbers)]
    stride = min(steps, default=0)
    gaps = [at for at, step in enumerate(steps) if step != stride]
    if not gaps or stride < 1:
        return []
    before, after = frames[gaps[0]].name, frames[gaps[0] + 1].name
    more = f" and {len(gaps) - 1} more gaps" if len(gaps) > 1 else ""
    return [f"{folder}: numbers jump from {before} to {after}{more}; frames are counted by position"]

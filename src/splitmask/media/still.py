"""One picture as a clip of one frame, and one file that holds several: animations and stacks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from PIL import Image

from splitmask.errors import MediaError
from splitmask.media.clip import IndexedClip
from splitmask.media.image import Picture, open_image, read_image
from splitmask.types import Frame

# Formats whose further pictures are moments or slices, not previews or other resolutions.
_SEQUENCE_FORMATS = frozenset({"GIF", "PNG", "WEBP", "AVIF", "TIFF"})

_DEFAULT_DURATION = Fraction(1, 10)  # what browsers make of animations that say 0 (or hardly more)
_SHORTEST_DURATION = Fraction(2, 100)

_CHUNK = 32  # frames held at once when going backward


def open_still(path: Path) -> IndexedClip:
    """An image file → its clip: of one frame, or of as many as it holds."""
    with open_image(path) as picture:
        several = picture.image.format in _SEQUENCE_FORMATS and getattr(picture.image, "n_frames", 1) > 1
        if several and _is_uniform(picture):
            return SequenceClip(path, picture)
        clip = StillClip(path, picture.size)
        if several:
            clip.notes.append(f"{path}: its pages differ in size; only the first is used")
        return clip


class StillClip(IndexedClip):
    """A clip of one frame, without a time."""

    frame_count = 1

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        super().__init__(path)
        self.height, self.width = size
        self.rate = self.time_base = Fraction(1)

    def count(self) -> int:
        return 1

    def _read(self, index: int) -> Frame:
        return Frame(index, read_image(self.path))


class SequenceClip(IndexedClip):
    """An animated GIF, PNG, WebP or AVIF, or a TIFF stack. Pillow finds its way to a frame."""

    def __init__(self, path: Path, picture: Picture) -> None:
        super().__init__(path)
        self.height, self.width = picture.size
        ends = list(accumulate(_durations(picture)))  # seconds
        self._times = [Fraction(0), *ends[:-1]]
        self.frame_count = len(ends)
        self.rate = Fraction(len(ends), 1) / ends[-1]
        self.time_base = Fraction(1, 1000)

    def count(self) -> int:
        return len(self._times)

    def _read(self, index: int) -> Frame:
        with open_image(self.path) as picture:
            return self._at(picture, index)

    def _forward(self, span: range) -> Iterator[Frame]:
        with open_image(self.path) as picture:
            for index in range(span.start, min(span.stop, self.count()), span.step):
                yield self._at(picture, index)

    def _backward(self, span: range) -> Iterator[Frame]:
        # each frame builds on those before it: go forward a chunk at a time
        for stop in range(span.stop, span.start, -_CHUNK):
            chunk = range(max(span.start, stop - _CHUNK), stop)
            yield from reversed(list(self._forward(chunk)))

    def _at(self, picture: Picture, index: int) -> Frame:
        picture.image.seek(index)
        image = picture.rgb()
        if image.shape[:2] != (self.height, self.width):
            raise MediaError(f"{self.path} changed while it was read; open it again")
        return Frame(index, image, self._times[index])


def _is_uniform(picture: Picture) -> bool:
    """Whether all pages have one size; only TIFF's may differ."""
    if picture.image.format != "TIFF":
        return True
    first = picture.size
    for page in range(_pages(picture.image)):
        picture.image.seek(page)
        if picture.size != first:
            picture.image.seek(0)
            return False
    return True


def _durations(picture: Picture) -> list[Fraction]:
    """Seconds that each frame is shown."""
    if picture.image.format == "TIFF":
        return [_DEFAULT_DURATION] * _pages(picture.image)
    return [_duration(picture.image, page) for page in range(_pages(picture.image))]


def _duration(image: Image.Image, page: int) -> Fraction:
    image.seek(page)
    image.load()
    seconds = Fraction(image.info.get("duration") or 0).limit_denominator(1000) / 1000
    return seconds if seconds >= _SHORTEST_DURATION else _DEFAULT_DURATION


def _pages(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))

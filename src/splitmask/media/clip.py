"""What every source of pictures looks like from outside: numbered frames, lazily read.

A clip holds no frame but the ones on their way out. Frames are numbered from 0 in the order in which
they are shown, after the container's rotation; the number never depends on how a frame was reached.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

from splitmask.errors import PromptError
from splitmask.media.files import unreadable
from splitmask.media.ranges import EVERYTHING, Window, format_range
from splitmask.types import Frame


class Clip(ABC):
    """A video, a folder of frames or a still, as numbered frames. Use it in a `with` block.

    Any number of iterators and `frame` calls may be under way at once and from several threads.
    Reading raises MediaError, an index outside the clip PromptError.
    """

    name: str  # the file's or folder's own name
    path: Path
    height: int  # pixels, upright
    width: int
    rate: Fraction  # average frames a second
    time_base: Fraction  # seconds, the container's unit of time
    rotation: int = 0  # degrees clockwise by which the stored picture was turned: 0, 90, 180, 270
    frame_count: int | None  # the header's word, for progress bars; `count()` is exact
    has_audio: bool = False
    start_time: Fraction = Fraction(0)  # seconds from the container's zero (its audio's) to frame 0
    window: Window = EVERYTHING  # the frames that iteration gives unless told otherwise

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.resolve().name or str(path)
        self._notes: list[str] = []
        self._sha256: str | None = None
        self._closed = False

    @property
    def notes(self) -> list[str]:
        """One line each, for people: what had to be worked around so far."""
        return self._notes

    @abstractmethod
    def count(self) -> int:
        """How many frames there are, exactly; the window does not matter."""

    @abstractmethod
    def frame(self, index: int) -> Frame:
        """The frame at a 0-based index. Cheap where it follows the one read last."""

    @abstractmethod
    def _forward(self, span: range) -> Iterator[Frame]:
        """Frames of a span that may end, or even begin, beyond the clip, in order."""

    @abstractmethod
    def _backward(self, span: range) -> Iterator[Frame]:
        """Frames of a span that lies inside the clip, last first, in bounded memory."""

    def frames(self, start: int | None = None, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Frames start, start + step, … below stop, read as they are asked for.

        Ends where the clip ends, like a slice. Left out, `start` and `stop` are the window's.
        """
        span = self._clamped(start, stop)
        if step < 1:
            raise PromptError(f"step {step} between frames is not possible; it must be 1 or more")
        return self._forward(span[::step])

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        """The same frames as `frames(start, stop)`, last first."""
        span = self._clamped(start, stop)
        return self._backward(range(span.start, min(span.stop, self.count())))

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def span(self) -> range:
        """The frame indices of the window, exactly. Raises PromptError if it begins beyond the end."""
        start, stop = self.window
        count = self.count()
        if start >= count:
            raise PromptError(
                f"frame range {format_range(self.window)} begins beyond the end of {self.path}, "
                f"which has {_frames(count)}; choose a start below {count}"
            )
        return range(start, count if stop is None else min(stop, count))

    def sha256(self) -> str:
        """Hex digest of the source file; of a folder, of its frames' bytes one after the other."""
        if self._sha256 is None:
            self._sha256 = digest(self._files())
        return self._sha256

    def close(self) -> None:
        """Lets go of the file. A closed video cannot be read; closing twice does no harm."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} {self.width}×{self.height}>"

    def _files(self) -> list[Path]:
        return [self.path]

    def _clamped(self, start: int | None, stop: int | None) -> range:
        first = self.window[0] if start is None else start
        last = self.window[1] if stop is None else stop
        if first < 0 or (last is not None and last < 0):
            raise PromptError(f"frame range {format_range((first, last))} is negative; count from 0")
        return range(first, FAR if last is None else last)

    def _check_index(self, index: int) -> None:
        if index < 0 or index >= self.count():
            raise no_such_frame(index, self)


FAR = 2**62  # a stop beyond any clip's end


class IndexedClip(Clip):
    """A clip whose frames can each be read on their own: stills, folders, stacks."""

    @abstractmethod
    def _read(self, index: int) -> Frame:
        """The frame at an index known to be inside the clip."""

    def frame(self, index: int) -> Frame:
        self._check_index(index)
        return self._read(index)

    def _forward(self, span: range) -> Iterator[Frame]:
        within = range(span.start, min(span.stop, self.count()), span.step)
        return (self._read(index) for index in within)

    def _backward(self, span: range) -> Iterator[Frame]:
        return (self._read(index) for index in reversed(span))


def digest(files: list[Path]) -> str:
    """SHA-256 over the bytes of files, streamed. Raises MediaError."""
    total = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    total.update(chunk)
        except OSError as error:
            raise unreadable(path, error) from error
    return total.hexdigest()


def no_such_frame(index: int, clip: Clip) -> PromptError:
    """The error for an index outside a clip."""
    count = clip.count()
    return PromptError(
        f"frame {index} does not exist: {clip.path} has {_frames(count)}; choose one of 0 to {count - 1}"
    )


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"

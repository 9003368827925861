"""Where a session's frames come from: a clip that can be read anywhere, or a stream that only goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from splitmask.errors import MediaError, PromptError
from splitmask.types import ByteArray, Frame

STREAM_BUFFER = 3  # frames of a stream at hand: the one shown, the one before, the one that comes


@runtime_checkable
class FrameSource(Protocol):
    """Frames by number, as `splitmask.media.Clip` gives them."""

    height: int
    width: int

    def count(self) -> int:
        """How many frames there are."""
        ...

    def frame(self, index: int) -> Frame:
        """Raises PromptError if there is no such frame."""
        ...

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        """Frames start … stop − 1, in order."""
        ...

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        """Frames stop − 1 … start."""
        ...


class ImageStack:
    """Pictures in RAM, of one size, as a `FrameSource`: slices of a volume, a clip already decoded.

    images: (H, W, 3) uint8 RGB each, or one array (N, H, W, 3). Raises MediaError if there are none
    or they are not that.
    """

    def __init__(self, images: Sequence[ByteArray] | ByteArray) -> None:
        if not len(images):
            raise MediaError("the stack holds no image: give at least one")
        self._images = images
        self.height, self.width = images[0].shape[:2]
        for i, image in enumerate(images):
            if image.dtype != np.uint8 or image.shape != (self.height, self.width, 3):
                raise MediaError(
                    f"image {i} of the stack is {image.dtype} {image.shape}: "
                    f"all have to be uint8 ({self.height}, {self.width}, 3), RGB"
                )

    def count(self) -> int:
        return len(self._images)

    def frame(self, index: int) -> Frame:
        if not 0 <= index < len(self._images):
            raise PromptError(f"frame {index} does not exist: choose one of 0 to {len(self._images) - 1}")
        return Frame(index, self._images[index])

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(i) for i in range(len(self._images))[start:stop])

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(i) for i in reversed(range(len(self._images))[start:stop]))


class Reader(Protocol):
    """How a session reads frames, one at a time."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        ...

    @property
    def count(self) -> int | None:
        """Frames of the clip; None if unknown."""
        ...

    @property
    def window(self) -> tuple[int, int | None]:
        """The half-open range that a run keeps to unless told otherwise."""
        ...

    @property
    def position(self) -> int | None:
        """Of a stream: the newest frame read. None where any frame can be read."""
        ...

    def at(self, index: int) -> Frame:
        """One frame. Raises PromptError if it does not exist or has passed."""
        ...

    def wait_for(self, index: int) -> None:
        """Returns once the frame can be had without waiting for a camera. May be called while another
        thread reads."""
        ...

    def next_in_run(self, index: int, reverse: bool) -> Frame | None:
        """One frame of a run, cheap where it follows the one read last; None past the end.

        Of a stream that drops frames: the first that came at or after `index`.
        """
        ...

    def close(self) -> None:
        """Stops reading; the source itself stays its owner's."""
        ...


class ClipReader:
    """Reads a `FrameSource`; keeps one iterator open, in the run's direction."""

    position: int | None = None

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._count: int | None = None
        self._run: Iterator[Frame] | None = None
        self._next: tuple[int, bool] = (0, False)

    @property
    def size(self) -> tuple[int, int]:
        return self._source.height, self._source.width

    @property
    def count(self) -> int | None:
        if self._count is None:
            self._count = self._source.count()
        return self._count

    @property
    def window(self) -> tuple[int, int | None]:
        start, stop = getattr(self._source, "window", (0, None))
        return int(start), None if stop is None else int(stop)

    def at(self, index: int) -> Frame:
        return self._source.frame(index)

    def wait_for(self, index: int) -> None:
        """A clip is read when it is asked for."""

    def next_in_run(self, index: int, reverse: bool) -> Frame | None:
        if self._run is None or self._next != (index, reverse):
            self.close()
            source = self._source
            self._run = source.frames_reversed(0, index + 1) if reverse else source.frames(index, self.count)
        self._next = (index - 1 if reverse else index + 1, reverse)
        return next(self._run, None)

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None and hasattr(run, "close"):
            run.close()


class StreamReader:
    """Reads an iterator of frames, forward only; holds the latest few, so that they can be prompted."""

    count: int | None = None
    window: tuple[int, int | None] = (0, None)

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = iter(frames)
        self._held: tuple[Frame, ...] = ()  # replaced, never changed: read without the lock
        self._pulling = threading.Lock()

    @property
    def size(self) -> tuple[int, int]:
        if self._reach(0) is None:
            raise MediaError("the stream ended before its first frame: check the camera or file")
        return self._held[-1].size

    @property
    def position(self) -> int | None:
        return self._held[-1].index if self._held else None

    def _reach(self, index: int) -> Frame | None:
        """Reads on to a frame; the first at hand that is not before it."""
        if not self._has_come(index):
            with self._pulling:
                while not self._has_come(index) and (frame := next(self._frames, None)) is not None:
                    self._held = (*self._held[1 - STREAM_BUFFER :], frame)
        return next((frame for frame in self._held if frame.index >= index), None)

    def _has_come(self, index: int) -> bool:
        return bool(self._held) and self._held[-1].index >= index

    def at(self, index: int) -> Frame:
        frame = self._reach(index)
        if frame is None or frame.index != index:
            known = ", ".join(str(frame.index) for frame in self._held) or "none"
            raise PromptError(f"frame {index} of the stream has passed or never came: at hand now: {known}")
        return frame

    def wait_for(self, index: int) -> None:
        self._reach(index)

    def next_in_run(self, index: int, reverse: bool) -> Frame | None:
        if reverse:
            raise PromptError("a stream cannot be run in reverse: record it to a file first")
        if self._held and index < self._held[0].index:
            raise PromptError(f"frame {index} of the stream has passed: record it to a file to go back")
        return self._reach(index)

    def close(self) -> None:
        self._held = ()


def open_reader(source: FrameSource | Iterable[Frame]) -> Reader:
    """A clip → `ClipReader`, anything else that can be iterated → `StreamReader`."""
    return ClipReader(source) if isinstance(source, FrameSource) else StreamReader(source)

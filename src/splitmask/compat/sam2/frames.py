"""Frames of a video as the official package gives them to its model, but read only as they are needed."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splitmask.compat.sam2.exceptions import (
    DamagedFrameError,
    FrameNameError,
    NoSuchFrameError,
    NoVideoError,
    raised_as,
)
from splitmask.errors import MediaError
from splitmask.presets import IMAGENET_MEAN, IMAGENET_STD
from splitmask.types import ByteArray

_JPEG = (".jpg", ".jpeg", ".JPG", ".JPEG")
_HELD = 3  # frames at hand: the one in use, and what was or comes next to it


# what the official loader makes of each byte, by channel: it divides in double precision
_TABLES = [
    ((np.arange(256) / 255.0).astype(np.float32) - np.float32(mean)) / np.float32(std)
    for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
]


class Squares(Protocol):
    """Frames stretched to the model's square. height, width: of the frames as given."""

    height: int
    width: int

    def __len__(self) -> int: ...

    def square(self, index: int) -> ByteArray:
        """(S, S, 3) uint8."""
        ...


class JpegFolder:
    """`<number>.jpg` files in the order of their numbers, stretched by Pillow's default, bicubic."""

    def __init__(self, folder: Path, side: int) -> None:
        self.side = side
        paths = [path for path in folder.iterdir() if path.suffix in _JPEG]
        wrong = sorted(path.name for path in paths if not path.stem.isdecimal())
        if wrong:
            raise FrameNameError(f"{folder / wrong[0]} is not a number: name frames 00000.jpg, 00001.jpg, …")
        self.paths = sorted(paths, key=lambda path: int(path.stem))
        sizes = [_jpeg_size(path) for path in self.paths]
        for path, size in zip(self.paths, sizes, strict=True):
            if size != sizes[0]:
                raise MediaError(
                    f"{path} is {size[0]}×{size[1]} but {self.paths[0].name} is {sizes[0][0]}×{sizes[0][1]}: "
                    "all frames of a video have one size"
                )
        self.width, self.height = sizes[0]

    def __len__(self) -> int:
        return len(self.paths)

    def square(self, index: int) -> ByteArray:
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                return np.array(image.convert("RGB").resize((self.side, self.side)))
        except (OSError, SyntaxError) as error:
            raise DamagedFrameError(f"{path} cannot be decoded: {error}; replace the frame") from error


def _jpeg_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise DamagedFrameError(f"{path} is not an image: replace the frame") from error


class ClipSquares:
    """A video file, or anything else that `splitmask.media` opens."""

    def __init__(self, path: Path, side: int) -> None:
        from splitmask.media import open_clip
        from splitmask.session.source import ClipReader

        self.side = side
        clip = open_clip(path)
        self._count = clip.count()
        self._reader = ClipReader(clip)
        self._last: int | None = None
        self.height, self.width = clip.height, clip.width

    def __len__(self) -> int:
        return self._count

    def square(self, index: int) -> ByteArray:
        step = None if self._last is None else index - self._last
        frame = self._reader.next_in_run(index, step == -1) if step in (1, -1) else self._reader.at(index)
        self._last = index
        assert frame is not None
        picture = Image.fromarray(frame.image).resize((self.side, self.side), Image.Resampling.BICUBIC)
        return np.array(picture)


class VideoFrames:
    """`frames[i]` → (3, S, S) float32, normalised, on `device`. Any number of threads may read.

    ahead: decode the frame that will probably be asked for next while this one is worked on.
    """

    def __init__(self, squares: Squares, device: torch.device, ahead: bool) -> None:
        self.squares = squares
        self.device = device
        self.height, self.width = squares.height, squares.width
        self._lock = threading.Lock()
        self._held: OrderedDict[int, Future[Tensor]] = OrderedDict()
        self._last = -1
        self._ahead = ahead
        # one worker: a decoder stands at one place
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="splitmask-frames")
        weakref.finalize(self, self._worker.shutdown, wait=False, cancel_futures=True)

    def __len__(self) -> int:
        return len(self.squares)

    def __getitem__(self, index: int) -> Tensor:
        """Raises PromptError if there is no such frame, MediaError if it cannot be decoded."""
        if not 0 <= index < len(self):
            raise NoSuchFrameError(f"frame {index} does not exist: choose one of 0 to {len(self) - 1}")
        with self._lock:
            future = self._request(index)
            following = index + (index - self._last if abs(index - self._last) == 1 else 1)
            self._last = index
            if self._ahead and 0 <= following < len(self):
                self._request(following)
        return future.result()

    def _request(self, index: int) -> Future[Tensor]:
        future = self._held.pop(index, None)
        if future is None or (future.done() and future.exception() is not None):
            future = self._worker.submit(_normalised, self.squares, index, self.device)
        self._held[index] = future
        while len(self._held) > _HELD:
            self._held.popitem(last=False)
        return future


def _normalised(squares: Squares, index: int, device: torch.device) -> Tensor:
    square = squares.square(index)
    channels = [np.take(table, square[..., i]) for i, table in enumerate(_TABLES)]
    return torch.from_numpy(np.stack(channels)).to(device)


def open_frames(video_path: str | Path, side: int, device: torch.device, ahead: bool) -> VideoFrames:
    """A folder of JPEG frames or a video file. Raises MediaError."""
    path = Path(video_path)
    if path.is_dir() and any(entry.suffix in _JPEG for entry in path.iterdir()):
        return VideoFrames(JpegFolder(path, side), device, ahead)
    with raised_as(NoVideoError):
        return VideoFrames(ClipSquares(path, side), device, ahead)

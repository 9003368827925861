"""What an export is: opened once, given every frame in turn, closed.

Nothing is held but the frame on its way through. All of it is written under a temporary name beside
the target and renamed on closing, so that what stands under the target's name is whole.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

from splitmask.errors import MaskError, OutputError
from splitmask.files import output_errors, temporary_beside
from splitmask.result import ObjectInfo
from splitmask.types import BoolArray, Frame

Masks = Mapping[int, BoolArray]  # object id → (H, W) bool; an object that is missing is not in the frame


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What exports need to know of the source beforehand. A still is a clip of one frame."""

    name: str  # the source's file name
    height: int
    width: int
    rate: Fraction = Fraction(25)  # average frames per second, for sources without times
    time_base: Fraction = Fraction(1, 90_000)  # seconds per tick that times are rounded to
    is_still: bool = False

    def frame_name(self, index: int, suffix: str) -> str:
        """`photo.png` for a still called `photo.jpg`, `000012.png` for a frame of a clip."""
        return (Path(self.name).stem if self.is_still else f"{index:06d}") + suffix


class Writer(ABC):
    """One export under way; use it in a `with` block.

    Left in any other way than by its own failure (the end, Ctrl-C, an error elsewhere), the block
    keeps what was written as a whole and valid output; if writing itself failed, or no frame came,
    nothing is left.
    """

    def __init__(self, target: Path, clip: ClipInfo, objects: Sequence[ObjectInfo]) -> None:
        self.target = target
        self.clip = clip
        self.objects = tuple(objects)
        self.staging = temporary_beside(target)
        self.frames = 0  # added so far
        self._resources = ExitStack()  # what is open; closed before the output gets its name
        self._open = True
        with self._writing():
            _remove(self.staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._start()

    def add(self, frame: Frame, masks: Masks) -> None:
        """The next frame, in presentation order, and its masks. Raises OutputError."""
        size = (self.clip.height, self.clip.width)
        for shape in (frame.size, *(mask.shape for mask in masks.values())):
            if shape != size:
                raise MaskError(f"frame {frame.index}: a picture or mask of {shape} in a clip of {size}")
        with self._writing():
            self._add(frame, masks)
        self.frames += 1

    def close(self) -> None:
        """Finishes the output and gives it its name. Raises OutputError. May be called again."""
        if not self._open:
            return
        if not self.frames:
            self.discard()
            return
        with self._writing():
            self._finish()
            self._resources.close()
            _replace(self.staging, self.target)
            self._open = False

    def discard(self) -> None:
        """Leaves nothing of this export; an earlier output under the same name stays."""
        if self._open:
            self._open = False
            with suppress(OSError):
                self._resources.close()
            _remove(self.staging)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _start(self) -> None:
        """Makes `self.staging`, a file or a folder."""

    @abstractmethod
    def _add(self, frame: Frame, masks: Masks) -> None: ...

    def _finish(self) -> None:
        """Writes what comes after the last frame."""
        return

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Within it, the system's errors become OutputError and discard the export."""
        with output_errors(self.target):
            try:
                yield
            except (OSError, OutputError):
                self.discard()
                raise


@dataclass(frozen=True, slots=True)
class Exporter:
    """A row of the table of exports. `target` is the file or folder that it makes in the out folder."""

    name: str
    label: str  # for people
    target: str
    writer: Callable[[Path, ClipInfo, Sequence[ObjectInfo]], Writer]

    def open(self, out_dir: Path, clip: ClipInfo, objects: Sequence[ObjectInfo]) -> Writer:
        """Starts the export into `out_dir`. Raises OutputError."""
        return self.writer(out_dir / self.target, clip, objects)


def category_numbers(objects: Sequence[ObjectInfo], first: int) -> dict[str, int]:
    """Distinct object names, in order, numbered from `first`."""
    return {name: number for number, name in enumerate(dict.fromkeys(o.name for o in objects), first)}


def prepare_out_dir(out_dir: Path, targets: Iterable[str], overwrite: bool = False) -> Path:
    """Makes the folder and sees to it that no target would be overwritten unasked. Raises OutputError.

    `targets` are names in the folder, such as `exporter.target` and `result.json`; what else lies in
    the folder does not matter.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise OutputError(f"cannot write into {out_dir}: it is a file; choose another folder with --out")
    taken = [name for name in targets if (out_dir / name).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"{out_dir} already holds {', '.join(taken)}; add --overwrite or choose another --out"
        )
    with output_errors(out_dir):
        out_dir.mkdir(parents=True, exist_ok=True)
        probe = temporary_beside(out_dir / "probe")
        probe.touch()
        probe.unlink()
    return out_dir


def _replace(staging: Path, target: Path) -> None:
    """Renames a file or folder over whatever has the target's name."""
    if not target.is_dir():
        staging.replace(target)
        return
    old = temporary_beside(target).with_suffix(".old")
    target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

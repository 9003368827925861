"""splitmask's own layout: KIND.tar, or its content in a folder, with NAME.webp, NAME.0.png, NAME.1.png, …

Pictures named `davis_SEQUENCE_FRAME` are the frames of a clip; on a frame without a label the object is
not in view. Pictures of the kind `photo` are unlabelled, as are those whose label map is 8×8 zeros.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path

from splitmask.train.readers.archive import Archive, first_name, open_archive
from splitmask.train.readers.pictures import decode_image, decode_labels
from splitmask.train.readers.samples import ClipSample, ImageSample, LabelMap, Problems
from splitmask.types import ByteArray

SHAPE = "KIND.tar, or a folder, with NAME.webp and label maps NAME.0.png, NAME.1.png, …; or a folder of such"
_UNLABELLED_KIND = "photo"
_UNLABELLED_SIZE = (8, 8)
_CLIP = re.compile(r"(?P<clip>davis_.+)_\d{5}")


def matches(path: Path) -> bool:
    return bool(_parts(path))


class ProjectReader:
    """Pictures of every kind found; those of one clip also as a clip."""

    def __init__(self, path: Path) -> None:
        self._paths = _parts(path)

    @cached_property
    def _kinds(self) -> list[_Kind]:
        return [_Kind(open_archive(path)) for path in self._paths]

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        for kind in self._kinds:
            for name in kind.samples:
                yield kind.image(name)

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        for kind in self._kinds:
            for name, frames in kind.sequences().items():
                yield kind.clip(name, frames)


class _Kind:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._names = frozenset(archive.names)
        self.samples = [name.removesuffix(".webp") for name in archive.names if name.endswith(".webp")]

    def image(self, name: str) -> ImageSample:
        return ImageSample(
            name=name,
            kind=name.partition("_")[0],
            where=self._archive.where(f"{name}.webp"),
            load_image=lambda: self._picture(name),
            load_labels=lambda: self._labels_or_none(name),
        )

    def clip(self, name: str, frames: Sequence[str]) -> ClipSample:
        return ClipSample(
            name=name,
            kind=name.partition("_")[0],
            where=self._archive.where(f"{name}_*.webp"),
            frames=len(frames),
            annotated=tuple(i for i, frame in enumerate(frames) if f"{frame}.0.png" in self._names),
            load_frame=lambda index: self._picture(frames[index]),
            load_labels=lambda index: self._labels(frames[index]),
        )

    def sequences(self) -> dict[str, list[str]]:
        """Clip → its frames' names in order."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.samples:
            frame = _CLIP.fullmatch(name)
            if frame:
                found[frame["clip"]].append(name)
        return found

    def _picture(self, name: str) -> ByteArray:
        return decode_image(self._archive.read(f"{name}.webp"), self._archive.where(f"{name}.webp"))

    def _labels(self, name: str) -> list[LabelMap]:
        files = []
        for number in count():
            if f"{name}.{number}.png" not in self._names:
                break
            files.append(f"{name}.{number}.png")
        return [decode_labels(self._archive.read(file), self._archive.where(file)) for file in files]

    def _labels_or_none(self, name: str) -> list[LabelMap]:
        """The label maps of a still; none where an empty map is no mistake."""
        maps = self._labels(name)
        meant = name.startswith(f"{_UNLABELLED_KIND}_") or bool(_CLIP.fullmatch(name))
        if any(each.any() or not (meant or each.shape == _UNLABELLED_SIZE) for each in maps):
            return maps
        return []


def _parts(path: Path) -> list[Path]:
    """The path itself if it is a kind, else the kinds in it."""
    if _is_kind(path):
        return [path]
    return sorted(item for item in path.iterdir() if _is_kind(item)) if path.is_dir() else []


def _is_kind(path: Path) -> bool:
    if path.is_dir():
        return next(path.glob("*.0.png"), None) is not None and next(path.glob("*.webp"), None) is not None
    return path.suffix == ".tar" and path.is_file() and first_name(path).endswith((".webp", ".png"))

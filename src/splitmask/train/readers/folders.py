"""Clips as folders of pictures beside folders of label maps: what DAVIS, MOSE and YouTube-VOS share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from splitmask.errors import DataError
from splitmask.train.readers.pictures import PICTURE_SUFFIXES, decode_image, decode_labels, read_bytes
from splitmask.train.readers.samples import (
    ClipSample,
    ImageSample,
    LabelMap,
    Problems,
    ScoringRule,
    frames_as_images,
)
from splitmask.types import ByteArray


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """One clip: its pictures, and the label maps of some, by the same file name without suffix."""

    pictures: Path
    maps: Path
    # The objects of one frame, from the bytes of its map; DAVIS-2016 makes one of several.
    decode: Callable[[bytes, str], LabelMap] = decode_labels

    def sample(self, kind: str, rule: ScoringRule) -> ClipSample:
        """Raises DataError if there is no frame, or no label map for any."""
        frames = pictures_in(self.pictures)
        if not frames:
            raise DataError(f"{self.pictures} holds no frame; expected pictures numbered 00000, 00001, …")
        maps = {path.stem: path for path in sorted(self.maps.glob("*.png"))}
        annotated = tuple(index for index, frame in enumerate(frames) if frame.stem in maps)
        if not annotated:
            raise DataError(f"{self.maps} holds no label map (NAME.png) for any frame of {self.pictures}")

        def labels(index: int) -> list[LabelMap]:
            path = maps[frames[index].stem]
            return [self.decode(read_bytes(path), str(path))]

        return ClipSample(
            name=f"{kind}_{self.pictures.name}",
            kind=kind,
            where=str(self.pictures),
            frames=len(frames),
            annotated=annotated,
            load_frame=frame_loader(frames),
            load_labels=labels,
            rule=rule,
        )


class ClipFolders:
    """A reader of clips in folders."""

    def __init__(self, folders: Sequence[ClipFolder], kind: str, rule: ScoringRule) -> None:
        self._folders, self._kind, self._rule = folders, kind, rule

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        for folder in self._folders:
            try:
                clip = folder.sample(self._kind, self._rule)
            except DataError as error:
                problems.report(error)
            else:
                yield clip

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        for clip in self.clips(problems):
            yield from frames_as_images(clip)


def frame_loader(frames: Sequence[Path]) -> Callable[[int], ByteArray]:
    return lambda index: decode_image(read_bytes(frames[index]), str(frames[index]))


def pictures_in(folder: Path) -> list[Path]:
    """Pictures of a folder in order of their names; [] if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

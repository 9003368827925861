"""SA-V (Ravi et al. 2024): its training part (videos and masklets) and its val and test parts (frames).

Masklets may overlap, so every object has a label map of its own, in which it is 1. Videos run at 24
frames a second, annotations at 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.errors import DataError, MediaError
from splitmask.media import Clip, open_clip
from splitmask.train.readers.documents import entry, read_json
from splitmask.train.readers.folders import frame_loader, pictures_in, subfolders
from splitmask.train.readers.pictures import decode_labels, read_bytes
from splitmask.train.readers.samples import ClipSample, ImageSample, LabelMap, Problems, frames_as_images
from splitmask.train.readers.segmentations import decode_rle
from splitmask.types import ByteArray

SHAPE = (
    "SA-V with videos VIDEO.mp4 beside VIDEO_manual.json or VIDEO_auto.json, "
    "or with JPEGImages_24fps and Annotations_6fps"
)
_EVERY = 4  # frames from one annotation to the next
_FRAMES, _MAPS = "JPEGImages_24fps", "Annotations_6fps"


def matches(path: Path) -> bool:
    return _is_frames(path) or next(_documents(path), None) is not None


class SavReader:
    """Manual masklets where a video has them, else the automatic ones."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        found = subfolders(self._path / _MAPS) if _is_frames(self._path) else _documents(self._path)
        for item in found:
            try:
                clip = _frames_clip(self._path, item) if item.is_dir() else _video_clip(item)
            except DataError as error:
                problems.report(error)
            else:
                yield clip

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        for clip in self.clips(problems):
            yield from frames_as_images(clip)


def _frames_clip(root: Path, maps: Path) -> ClipSample:
    """val and test: Annotations_6fps/VIDEO/OBJECT/FRAME.png."""
    frames = pictures_in(root / _FRAMES / maps.name)
    if not frames:
        raise DataError(f"{root / _FRAMES / maps.name} holds no frame, but {maps} annotates it")
    objects = subfolders(maps)
    names = {path.stem for folder in objects for path in folder.glob("*.png")}
    annotated = tuple(index for index, frame in enumerate(frames) if frame.stem in names)
    if not annotated:
        raise DataError(f"{maps} holds no label map OBJECT/NAME.png for any frame of its clip")

    def labels(index: int) -> list[LabelMap]:
        paths = [folder / f"{frames[index].stem}.png" for folder in objects]
        found = {path: decode_labels(read_bytes(path), str(path)) for path in paths if path.is_file()}
        nothing = np.zeros_like(next(iter(found.values())))
        return [(found.get(path, nothing) > 0).astype(np.uint8) for path in paths]

    return ClipSample(
        f"sav_{maps.name}", "sav", str(maps), len(frames), annotated, frame_loader(frames), labels, "sav"
    )


def _video_clip(document: Path) -> ClipSample:
    """train: VIDEO.mp4 and VIDEO_manual.json."""
    name = document.stem.rpartition("_")[0]
    video = document.with_name(f"{name}.mp4")
    if not video.is_file():
        raise DataError(f"{document} has no {video.name} beside it; put the video there")
    content = read_json(document)
    masklets = entry(content, "masklet", list, str(document))
    size = _number(content, "video_height", document), _number(content, "video_width", document)

    def labels(index: int) -> list[LabelMap]:
        row = masklets[index // _EVERY]
        where = f"{document}, masklet[{index // _EVERY}]"
        if not isinstance(row, list):
            raise DataError(f"{where}: expected a list of masks")
        return [decode_rle(mask, size, f"{where}[{k}]").astype(np.uint8) for k, mask in enumerate(row)]

    @cache  # opened when a frame is first asked for
    def clip() -> Clip:
        return open_clip(video)

    def frame(index: int) -> ByteArray:
        try:
            return clip().frame(index).image
        except MediaError as error:
            raise DataError(str(error)) from error

    frames = max(_number(content, "video_frame_count", document), (len(masklets) - 1) * _EVERY + 1)
    annotated = tuple(range(0, len(masklets) * _EVERY, _EVERY))
    return ClipSample(f"sav_{name}", "sav", str(video), frames, annotated, frame, labels, "sav")


def _number(content: dict[str, Any], name: str, document: Path) -> int:
    return int(entry(content, name, (int, float), str(document)))


def _is_frames(path: Path) -> bool:
    return (path / _FRAMES).is_dir() and (path / _MAPS).is_dir()


def _documents(path: Path) -> Iterator[Path]:
    """One JSON a video, here and one folder deeper."""
    for pattern in ("", "*/"):
        manual = sorted(path.glob(f"{pattern}*_manual.json"))
        taken = {document.name.removesuffix("_manual.json") for document in manual}
        yield from manual
        for document in sorted(path.glob(f"{pattern}*_auto.json")):
            if document.name.removesuffix("_auto.json") not in taken:
                yield document

"""What a data set consists of, whatever its layout: named pictures and clips that load when asked.

A label map is (H, W) uint8, 0 where nothing is labelled, one of 1…250 per object. A picture has several
where objects overlap, or where several people or levels of detail labelled it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from splitmask.errors import DataError
from splitmask.types import BoolArray, ByteArray

LabelMap = npt.NDArray[np.uint8]
MAX_LABEL = 250

# Whose rule scores a clip. `davis`: every scored frame counts. `sav` (also MOSE, YouTube-VOS): an
# object counts from the first scored frame on which it is, or is said to be.
ScoringRule = Literal["davis", "sav"]


class ObjectKey(NamedTuple):
    """Which object of a sample: the number of its label map and its label there."""

    map: int
    label: int


@dataclass(frozen=True, slots=True, eq=False)
class ImageSample:
    """A picture and its label maps; both loaders raise DataError naming the file."""

    name: str  # stable and unique within its kind: what `split` looks at
    kind: str  # the data set: coco, human, davis, …
    where: str  # for messages
    load_image: Callable[[], ByteArray]  # → (H, W, 3) RGB
    load_labels: Callable[[], list[LabelMap]]  # → (H, W) each; [] if nobody labelled the picture


@dataclass(frozen=True, slots=True, eq=False)
class ClipSample:
    """A clip some of whose frames are labelled; an object has the same ObjectKey on all of them."""

    name: str
    kind: str
    where: str
    frames: int
    annotated: tuple[int, ...]  # frame indices, ascending
    load_frame: Callable[[int], ByteArray]  # → (H, W, 3) RGB
    load_labels: Callable[[int], list[LabelMap]]  # of an annotated frame → (H, W) each
    rule: ScoringRule = "davis"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """A picture in memory, checked: every label map has the picture's size and labels something."""

    sample: ImageSample
    image: ByteArray  # (H, W, 3)
    labels: list[LabelMap]  # (H, W) each


class Problems:
    """What could not be read. `raise`: the first one ends the run. `skip`: counted and reported."""

    def __init__(self, on_error: Literal["skip", "raise"] = "raise") -> None:
        self.on_error = on_error
        self.lines: list[str] = []

    def report(self, error: DataError) -> None:
        """Raises the error, or keeps its line, once however often it is met."""
        if self.on_error == "raise":
            raise error
        if str(error) not in self.lines:
            self.lines.append(str(error))

    def __len__(self) -> int:
        return len(self.lines)


class Reader(Protocol):
    """A data set of one layout. Opening it reads indices only; pixels load sample by sample.

    An entry that cannot be used is reported to `problems`; what makes the whole unusable is raised as
    DataError.
    """

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        """Every picture; of clips, every labelled frame."""
        ...

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        """Every clip; nothing if the layout holds still pictures."""
        ...


def load(sample: ImageSample) -> LoadedImage:
    """Raises DataError for a broken picture, a map of another size or an annotation without a label."""
    image, labels = sample.load_image(), sample.load_labels()
    check_size(labels, image.shape[:2], sample.where)
    if labels and not any(label_map.any() for label_map in labels):
        raise DataError(f"{sample.where}: the annotation is empty; label an object or remove the sample")
    return LoadedImage(sample, image, labels)


def load_all(samples: Iterator[ImageSample], problems: Problems) -> Iterator[LoadedImage]:
    """Loads one after the other; what cannot be read is reported to `problems`."""
    for sample in samples:
        try:
            loaded = load(sample)
        except DataError as error:
            problems.report(error)
        else:
            yield loaded


def check_size(labels: Sequence[LabelMap], size: tuple[int, ...], where: str) -> None:
    """Raises DataError if a label map has not the picture's (H, W)."""
    for number, label_map in enumerate(labels):
        if label_map.shape != size:
            h, w = label_map.shape
            raise DataError(
                f"{where}: label map {number} is {w}×{h} pixels, its picture {size[1]}×{size[0]}; "
                "export the annotation again at the picture's size"
            )


def frame_labels(clip: ClipSample, index: int, size: tuple[int, ...]) -> list[LabelMap]:
    """The label maps of one annotated frame. Raises DataError if one is broken or not of `size` (H, W)."""
    labels = clip.load_labels(index)
    check_size(labels, size, f"{clip.where}, frame {index}")
    return labels


def objects_in(labels: Sequence[LabelMap]) -> list[ObjectKey]:
    """Every object of a picture's label maps."""
    return [
        ObjectKey(number, int(label))
        for number, label_map in enumerate(labels)
        for label in np.flatnonzero(np.bincount(label_map.ravel()))
        if label
    ]


def object_mask(labels: Sequence[LabelMap], key: ObjectKey) -> BoolArray:
    """(H, W) bool of one object. A map that a frame does not have holds no object."""
    if key.map < len(labels):
        return np.asarray(labels[key.map] == key.label)
    return np.zeros(labels[0].shape, np.bool_)


def frames_as_images(clip: ClipSample) -> Iterator[ImageSample]:
    """Every labelled frame of a clip as a picture of its own, `CLIP_FRAME`."""
    for index in clip.annotated:
        yield ImageSample(
            name=f"{clip.name}_{index:05d}",
            kind=clip.kind,
            where=f"{clip.where}, frame {index}",
            load_image=lambda index=index: clip.load_frame(index),  # type: ignore[misc]
            load_labels=lambda index=index: _in_view(clip.load_labels(index)),  # type: ignore[misc]
        )


def _in_view(labels: list[LabelMap]) -> list[LabelMap]:
    """Of a clip's frame an empty map says that the object is out of view, which is no mistake."""
    return labels if any(label_map.any() for label_map in labels) else []

"""All training images of a run as uint8 tensors on the device, so that no loader stands in the way.

Images lie at the top left of a square canvas; `sizes` says how much of it is picture. Label maps of
all samples lie in one tensor, those of a sample one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from splitmask.errors import DataError
from splitmask.train.readers import Problems
from splitmask.types import ByteArray

LabelMap = npt.NDArray[np.uint8]
# name and a function that reads the picture (H, W, 3) and its label maps (H, W), ids 1…250
Source = tuple[str, Callable[[], tuple[ByteArray, list[LabelMap]]]]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1

_CHUNK = 64  # pictures that go to the device at once


@dataclass(frozen=True, slots=True)
class Cut:
    """One object that can be cut out of a sample and pasted elsewhere."""

    sample: int
    map: int  # row of `Corpus.maps`
    label: int
    box: Box  # on the canvas
    area: int


@dataclass(frozen=True, slots=True)
class Corpus:
    images: Tensor  # (n, 3, side, side) uint8
    maps: Tensor  # (m, side, side) uint8; row 0 is empty
    sizes: Tensor  # (n, 2) float32: height, width
    names: list[str]
    first_map: npt.NDArray[np.int64]  # (n + 1,) rows of `maps` of sample i: first_map[i] … first_map[i + 1]
    labelled: npt.NDArray[np.bool_]  # (n,)
    cuts: list[Cut]
    clips: dict[str, list[int]] = field(default_factory=dict)  # sequence → samples in order of time

    @property
    def side(self) -> int:
        return self.images.shape[-1]

    def rows(self, sample: int) -> range:
        """Of `maps`, those of a sample."""
        return range(int(self.first_map[sample]), int(self.first_map[sample + 1]))

    def row(self, sample: int, number: int = 0) -> int:
        """The row of `maps` of a sample's map; the empty one where the sample has no such map."""
        rows = self.rows(sample)
        return rows[number] if number < len(rows) else 0


@dataclass(frozen=True, slots=True)
class _Sample:
    """A picture as it lies on the canvas, and the objects of its maps."""

    image: ByteArray  # (3, h, w)
    maps: list[LabelMap]  # (h, w)
    things: list[list[tuple[int, Box, int]]]  # per map: label, box, area


_UNREADABLE = _Sample(np.zeros((3, 1, 1), np.uint8), [], [])


def _fit(image: ByteArray, maps: list[LabelMap], side: int) -> tuple[ByteArray, list[LabelMap]]:
    h, w = image.shape[:2]
    if max(h, w) <= side:
        return image, maps
    size = (max(1, round(w * side / max(h, w))), max(1, round(h * side / max(h, w))))
    image = np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    nearest = [np.array(Image.fromarray(m).resize(size, Image.Resampling.NEAREST)) for m in maps]
    return image, nearest


def things(labels: LabelMap, least: int) -> list[tuple[int, Box, int]]:
    """Label, box and area of every object of at least `least` pixels of a map (h, w)."""
    counts = np.bincount(labels.ravel(), minlength=256)
    found = []
    for label in np.flatnonzero(counts[1:251] >= least) + 1:
        mask = labels == label
        xs, ys = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        box = (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)
        found.append((int(label), box, int(counts[label])))
    return found


def _read(source: Source, side: int, problems: Problems) -> _Sample:
    try:
        image, maps = _fit(*source[1](), side)
    except DataError as error:
        problems.report(error)
        return _UNREADABLE
    # what is smaller than a 400th of its picture is nothing to paste
    found = [things(each, max(16, each.size // 400)) for each in maps]
    return _Sample(np.ascontiguousarray(image.transpose(2, 0, 1)), maps, found)


def _canvas(arrays: Sequence[ByteArray], side: int, device: torch.device) -> Tensor:
    """Arrays (…, h, w) → (n, …, side, side) on the device, each at the top left."""
    canvas = torch.zeros(len(arrays), *arrays[0].shape[:-2], side, side, dtype=torch.uint8, device=device)
    host = torch.zeros(_CHUNK, *canvas.shape[1:], dtype=torch.uint8, pin_memory=device.type == "cuda")
    for at in range(0, len(arrays), _CHUNK):
        chunk = arrays[at : at + _CHUNK]
        host.zero_()
        for row, array in zip(host, chunk, strict=False):
            row[..., : array.shape[-2], : array.shape[-1]] = torch.from_numpy(array)
        canvas[at : at + len(chunk)] = host[: len(chunk)]
    return canvas


def pack(
    sources: Sequence[Source],
    clips: dict[str, list[int]] | None = None,
    side: int = 448,
    device: str | torch.device = "cpu",
    workers: int | None = None,
    problems: Problems | None = None,
) -> Corpus:
    """Reads every source, in parallel, shrinks it to `side` and moves the lot to `device`.

    Raises DataError when there is nothing or it does not fit into the device's memory, and for what
    cannot be read unless `problems` skips it.
    """
    if not sources:
        raise DataError("no training images: give at least one data folder or tar that holds labelled images")
    told = Problems("raise") if problems is None else problems
    # all processes of a machine read at once
    mine = max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    with ThreadPoolExecutor(workers or mine) as pool:
        samples = list(pool.map(lambda source: _read(source, side, told), sources))
    if all(sample is _UNREADABLE for sample in samples):
        raise DataError(f"none of the {len(samples)} training images can be read; first: {told.lines[0]}")
    # row 0 labels nothing: the map of pictures that nobody labelled
    maps = [np.zeros((1, 1), np.uint8), *(each for sample in samples for each in sample.maps)]
    first = np.cumsum([1, *(len(sample.maps) for sample in samples)], dtype=np.int64)
    try:
        images = _canvas([sample.image for sample in samples], side, torch.device(device))
        labels = _canvas(maps, side, torch.device(device))
    except torch.OutOfMemoryError as error:
        need = (3 * len(samples) + len(maps)) * side * side / 2**30
        raise DataError(
            f"{len(samples)} training images take {need:.1f} GB at {side} px, more than the GPU has free; "
            "use --limit, or a smaller `side` in the recipe"
        ) from error
    return Corpus(
        images,
        labels,
        torch.tensor([sample.image.shape[1:] for sample in samples], dtype=torch.float32).to(device),
        [name for name, _ in sources],
        first,
        np.array([any(m.any() for m in sample.maps) for sample in samples]),
        list(_cuts(samples, first)),
        clips or {},
    )


def _cuts(samples: Sequence[_Sample], first: npt.NDArray[np.int64]) -> Iterator[Cut]:
    for i, sample in enumerate(samples):
        for number, found in enumerate(sample.things):
            for label, box, area in found:
                yield Cut(i, int(first[i]) + number, label, box, area)

"""All training images of a run as uint8 tensors on the device, so that no loader stands in the way.

Images lie at the top left of a square canvas; `sizes` says how much of it is picture. Label maps of
all samples lie in one tensor, those of a sample one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Cut:
    """One object that can be cut out of a sample and pasted elsewhere."""

    sample: int
    map: int  # row of `Corpus.maps`
    label: int
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 on the canvas
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


def _fit(image: ByteArray, maps: list[LabelMap], side: int) -> tuple[ByteArray, list[LabelMap]]:
    h, w = image.shape[:2]
    if max(h, w) <= side:
        return image, maps
    size = (max(1, round(w * side / max(h, w))), max(1, round(h * side / max(h, w))))
    image = np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    nearest = [np.array(Image.fromarray(m).resize(size, Image.Resampling.NEAREST)) for m in maps]
    return image, nearest


def _cuts(sample: int, row: int, labels: LabelMap, least: int = 400) -> Iterable[Cut]:
    counts = np.bincount(labels.ravel(), minlength=256)
    for label in np.flatnonzero(counts[1:251] >= least) + 1:
        mask = labels == label
        xs, ys = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        box = (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)
        yield Cut(sample, row, int(label), box, int(counts[label]))


def pack(
    sources: Sequence[Source],
    clips: dict[str, list[int]] | None = None,
    side: int = 448,
    device: str | torch.device = "cpu",
    workers: int | None = None,
    problems: Problems | None = None,
) -> Corpus:
    """Reads every source, in parallel, and moves the lot to `device`.

    Raises DataError when there is nothing, and for what cannot be read unless `problems` skips it.
    """
    if not sources:
        raise DataError("no training images: give at least one data folder or tar that holds labelled images")

    problems = Problems("raise") if problems is None else problems

    def read(source: Source) -> tuple[ByteArray, list[LabelMap]]:
        try:
            return _fit(*source[1](), side)
        except DataError as error:
            problems.report(error)
            return np.zeros((1, 1, 3), np.uint8), []

    n = len(sources)
    images, sizes = torch.zeros(n, 3, side, side, dtype=torch.uint8), torch.zeros(n, 2)
    # row 0 labels nothing: the map of pictures that nobody labelled
    maps: list[Tensor] = [torch.zeros(side, side, dtype=torch.uint8)]
    cuts: list[Cut] = []
    first, labelled = np.ones(n + 1, np.int64), np.zeros(n, bool)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for i, (image, labels) in enumerate(pool.map(read, sources)):
            h, w = image.shape[:2]
            images[i, :, :h, :w] = torch.from_numpy(image).permute(2, 0, 1)
            sizes[i] = torch.tensor([h, w])
            for each in labels:
                padded = np.zeros((side, side), np.uint8)
                padded[:h, :w] = each
                cuts.extend(_cuts(i, len(maps), padded))
                maps.append(torch.from_numpy(padded))
            labelled[i] = any(m.any() for m in labels)
            first[i + 1] = len(maps)
    return Corpus(
        images.to(device),
        torch.stack(maps).to(device),
        sizes.to(device),
        [name for name, _ in sources],
        first,
        labelled,
        cuts,
        clips or {},
    )

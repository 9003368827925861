"""Simulated clicks on images: how good a mask is after 1…n clicks, and from a box.

The next click lies at the deepest pixel of the error (missing or surplus), as in the interactive
segmentation benchmarks (Sofiiuk et al. 2022, "RITM") and SAM 2's evaluation. What a mask is after a
click is the image session's policy: best of three at the first, later the single mask, each decoding
fed with the mask before.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from splitmask.engine.base import Engine
from splitmask.eval.centre import deepest
from splitmask.eval.metrics import region_similarity
from splitmask.masks.boxes import mask_to_box
from splitmask.masks.resize import logits_to_mask
from splitmask.session import ImageSession
from splitmask.train.readers import LabelMap, LoadedImage, ObjectKey, object_mask, objects_in
from splitmask.types import BoolArray, Mask


@dataclass(frozen=True, slots=True)
class ClickOptions:
    """clicks: the most clicks on an object; box_clicks: corrections after a box; objects: the most of
    one image, chosen by the name alone; min_area: pixels that an object must have."""

    clicks: int = 8
    box_clicks: int = 3
    objects: int = 8
    min_area: int = 100


@dataclass(frozen=True, slots=True)
class Click:
    """A simulated click in pixels; label 1: on the object, 0: beside it."""

    x: int
    y: int
    label: int


@dataclass(frozen=True, slots=True)
class ClickCase:
    """One object's answers. IoU with the true mask, at the image's own resolution."""

    name: str
    kind: str
    key: ObjectKey
    area: int  # pixels
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]  # after 1, 2, … clicks
    scores: tuple[float, ...]  # what the model predicted each to be
    box_ious: tuple[float, ...]  # from the box, then after 1, 2, … corrections

    def noc(self, iou: float) -> int:
        """Clicks until `iou` is reached; the most that were made if it is not."""
        return next((n for n, value in enumerate(self.ious, 1) if value >= iou), len(self.ious))

    def reached(self, iou: float) -> bool:
        return max(self.ious) >= iou


@dataclass(frozen=True, slots=True, eq=False)
class ClickPicture:
    """A case with what it takes to draw it: the true mask and those of every round."""

    case: ClickCase
    image: LoadedImage
    truth: BoolArray  # (H, W)
    masks: tuple[BoolArray, ...]  # (H, W) after 1, 2, … clicks


@dataclass(slots=True)
class Timing:
    """Seconds and calls, for means."""

    encode: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)


class ClickRunner:
    """Encodes each image once and answers for one object after the other."""

    def __init__(self, engine: Engine, options: ClickOptions = ClickOptions()) -> None:
        self.options = options
        self.timing = Timing()
        self._session = ImageSession(engine)

    def run(self, image: LoadedImage) -> Iterator[ClickPicture]:
        """Every chosen object of one image. Nothing is encoded if there is none."""
        keys = choose_objects(image.sample.name, image.labels, self.options)
        if not keys:
            return
        start = time.perf_counter()
        self._session.set_image(image.image)
        self.timing.encode.append(time.perf_counter() - start)
        for key in keys:
            yield self._object(image, key)

    def _object(self, image: LoadedImage, key: ObjectKey) -> ClickPicture:
        truth = object_mask(image.labels, key)
        self._session.clear()
        clicks, answers, masks = self._clicked(truth, np.zeros_like(truth), self.options.clicks)
        case = ClickCase(
            name=image.sample.name,
            kind=image.sample.kind,
            key=key,
            area=int(np.count_nonzero(truth)),
            clicks=tuple(clicks),
            ious=_padded([region_similarity(mask, truth) for mask in masks], self.options.clicks),
            scores=_padded([answer.score for answer in answers], self.options.clicks),
            box_ious=self._boxed(truth),
        )
        return ClickPicture(case, image, truth, tuple(masks))

    def _clicked(
        self, truth: BoolArray, mask: BoolArray, count: int
    ) -> tuple[list[Click], list[Mask], list[BoolArray]]:
        """Up to `count` clicks, each on what is wrong with the mask before; fewer once nothing is."""
        clicks: list[Click] = []
        answers: list[Mask] = []
        masks: list[BoolArray] = []
        while len(clicks) < count and (click := next_click(truth, mask)):
            answer = self._timed_point(click)
            mask = logits_to_mask(answer.logits, answer.size)
            clicks.append(click)
            answers.append(answer)
            masks.append(mask)
        return clicks, answers, masks

    def _timed_point(self, click: Click) -> Mask:
        start = time.perf_counter()
        answer = self._session.add_point(click.x, click.y, click.label)
        self.timing.decode.append(time.perf_counter() - start)
        assert answer is not None
        return answer

    def _boxed(self, truth: BoolArray) -> tuple[float, ...]:
        self._session.clear()
        answer = self._session.add_box(*mask_to_box(truth).tolist())
        assert answer is not None
        first = logits_to_mask(answer.logits, answer.size)
        _, _, masks = self._clicked(truth, first, self.options.box_clicks)
        ious = [region_similarity(mask, truth) for mask in (first, *masks)]
        return _padded(ious, 1 + self.options.box_clicks)


def next_click(truth: BoolArray, mask: BoolArray) -> Click | None:
    """Two (H, W) masks → the click that a person would make next; None where they agree.

    The deeper of the deepest missing and the deepest surplus pixel; of equally deep ones that in the
    larger connected error, then the missing one.
    """
    missing, surplus = deepest(truth & ~mask), deepest(mask & ~truth)
    if missing and (not surplus or (missing.depth, missing.area) >= (surplus.depth, surplus.area)):
        return Click(missing.x, missing.y, 1)
    return Click(surplus.x, surplus.y, 0) if surplus else None


def choose_objects(name: str, labels: Sequence[LabelMap], options: ClickOptions) -> list[ObjectKey]:
    """Objects large enough; of many a selection that depends on the sample's name alone."""
    counts = [np.bincount(label_map.ravel(), minlength=256) for label_map in labels]
    keys = [key for key in objects_in(labels) if counts[key.map][key.label] >= options.min_area]
    return sorted(sorted(keys, key=lambda key: _order(f"{name} {key.map} {key.label}"))[: options.objects])


def _order(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()


def _padded(values: Sequence[float], length: int) -> tuple[float, ...]:
    """Once the mask is right no click follows: the last value stands."""
    return (*values, *[values[-1]] * (length - len(values)))

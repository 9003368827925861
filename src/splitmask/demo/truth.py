"""What is done with a truth that is known: find where to click, and score what was tracked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from splitmask.effects import Layer, overlay, rgb
from splitmask.effects.marks import prompt_marks
from splitmask.eval.metrics import (
    ObjectScore,
    boundary_accuracy,
    region_similarity,
    score_object,
    scored_frames,
)
from splitmask.masks.resize import logits_to_mask
from splitmask.result import ObjectInfo
from splitmask.session import FrameResult
from splitmask.types import BoolArray, ByteArray, Frame, Prompt

Truth = dict[int, ByteArray]  # frame → (H, W) object numbers


def click_on(mask: BoolArray) -> tuple[int, int]:
    """(x, y) of the pixel deepest inside a mask: where a person would click."""
    core, inside = mask, np.array(mask)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    while inside.any():
        core = inside
        rows = inside & np.roll(inside, 1, 0) & np.roll(inside, -1, 0)
        inside = rows & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    y, x = np.argwhere(core)[np.count_nonzero(core) // 2]
    return int(x), int(y)


@dataclass(slots=True)
class Scorer:
    """J and F of every object, frame by frame; and pictures of some frames, for the contact sheet."""

    truth: Truth
    objects: Sequence[ObjectInfo]
    clicks: Mapping[int, Prompt]  # on frame 0
    cells: int  # how many pictures
    pictures: list[tuple[int, ByteArray]] = field(default_factory=list)  # frame, (H, W, 3)
    seconds: float = 0.0  # spent here, which is not the tracker's time
    _j: dict[int, list[float]] = field(default_factory=dict)
    _f: dict[int, list[float]] = field(default_factory=dict)

    def add(self, frame: Frame, result: FrameResult | None) -> None:
        """A frame of the clip and its masks."""
        start = time.perf_counter()
        found = {} if result is None else result.masks
        masks = {key: logits_to_mask(mask.logits, mask.size) for key, mask in found.items()}
        if frame.index in scored_frames(list(self.truth)):
            self._score(frame, masks)
        if frame.index in np.linspace(0, len(self.truth) - 1, self.cells).round():
            self.pictures.append((frame.index, self._picture(frame, masks)))
        self.seconds += time.perf_counter() - start

    def scores(self) -> dict[str, ObjectScore]:
        """Name → score, of what has been tracked so far."""
        known = [info for info in self.objects if info.id in self._j]
        return {info.name: score_object(self._j[info.id], self._f[info.id]) for info in known}

    def _score(self, frame: Frame, masks: Mapping[int, BoolArray]) -> None:
        for info in self.objects:
            found = masks.get(info.id, np.zeros(frame.size, np.bool_))
            right = self.truth[frame.index] == info.id
            self._j.setdefault(info.id, []).append(region_similarity(found, right))
            self._f.setdefault(info.id, []).append(boundary_accuracy(found, right))

    def _picture(self, frame: Frame, masks: Mapping[int, BoolArray]) -> ByteArray:
        shown = [info for info in self.objects if info.id in masks]
        picture = overlay(frame.image, [Layer(masks[info.id], rgb(info.color)) for info in shown])
        for info in shown if frame.index == 0 else ():
            picture = prompt_marks(picture, self.clicks[info.id], rgb(info.color))
        return picture

"""What a person says about an object, in pixels of the frame → what the decoder takes.

Points are (x, y). The frame is stretched to the model's S×S square, so x becomes x / W · S; the
graph adds the half pixel. A box is two points labelled 2 and 3 that stand before all others, as in
SAM 2's official predictors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from splitmask.errors import PromptError
from splitmask.types import FloatArray, Prompt

NO_POINT_LABEL = -1
BOX_LABELS = (2, 3)


def check_prompt(prompt: Prompt, size: tuple[int, int], where: str = "") -> Prompt:
    """The same prompt with its arrays in the types that `Prompt` names, and its box cut to the frame.

    size: (H, W) of the frame; where: what the message begins with, e.g. `frame 3, object 1: `.
    Raises PromptError if nothing is said, a point lies outside the frame, points and labels do not
    pair, a label is not 0 or 1, a box is out of order or has no area inside the frame, a mask has
    another size than the frame, or a number is not finite.
    """
    points, labels = _points(prompt, size, where)
    box = None if prompt.box is None else _box(prompt.box, size, where)
    mask = None if prompt.mask is None else np.asarray(prompt.mask)
    if mask is not None and mask.shape != tuple(size):
        raise PromptError(
            f"{where}the mask is {_shape(mask.shape)} but the frame is {_shape(size)} (height × width): "
            "give a mask of the frame's own size"
        )
    checked = Prompt(points, labels, box, None if mask is None else mask.astype(np.bool_))
    if checked.is_empty:
        raise PromptError(f"{where}the prompt is empty: give at least one point, a box or a mask")
    return checked


def _points(prompt: Prompt, size: tuple[int, int], where: str) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    try:
        points = np.asarray(prompt.points, np.float32)
        labels = np.asarray(prompt.labels).reshape(-1)
    except (TypeError, ValueError):
        raise PromptError(f"{where}points are pairs of numbers x, y with one label each") from None
    points = points.reshape(0, 2) if not points.size else points
    if points.ndim != 2 or points.shape[1] != 2:
        raise PromptError(f"{where}points have the shape (n, 2), each x, y, not {points.shape}")
    if len(points) != len(labels):
        raise PromptError(
            f"{where}{len(points)} points but {len(labels)} labels: give one label, 1 or 0, per point"
        )
    h, w = size
    for i, (x, y) in enumerate(points):
        if not (0 <= x <= w and 0 <= y <= h):  # false for NaN too
            raise PromptError(
                f"{where}point {i} at ({x:g}, {y:g}) is outside the frame: "
                f"x runs from 0 to {w}, y from 0 to {h}, in pixels"
            )
    for i, label in enumerate(labels):
        if label not in (0, 1):
            raise PromptError(f"{where}label {i} is {label}: a label is 1 (the object) or 0 (not the object)")
    return points, labels.astype(np.int32)


def _box(box: FloatArray, size: tuple[int, int], where: str) -> FloatArray:
    h, w = size
    try:
        x0, y0, x1, y1 = (float(value) for value in np.asarray(box).reshape(-1))
    except (TypeError, ValueError):
        raise PromptError(f"{where}a box is four numbers x0, y0, x1, y1") from None
    text = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not np.isfinite((x0, y0, x1, y1)).all() or x0 >= x1 or y0 >= y1:
        raise PromptError(f"{where}the box {text} has no area: give x0, y0, x1, y1 with x0 < x1 and y0 < y1")
    if x1 <= 0 or y1 <= 0 or x0 >= w or y0 >= h:
        raise PromptError(
            f"{where}the box {text} is outside the frame: x runs from 0 to {w}, y from 0 to {h}, in pixels"
        )
    return np.array([max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)], np.float32)


def _shape(size: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in size)


def check_alone(prompt: Prompt, where: str = "") -> Prompt:
    """The same prompt. Raises PromptError where a mask has company, which in a video it must not."""
    if prompt.mask is not None and (len(prompt.points) or prompt.box is not None):
        raise PromptError(f"{where}a mask stands alone in a video: give it without points and box")
    return prompt


def merge_prompts(old: Prompt, new: Prompt) -> Prompt:
    """What has been said once `new` is added to `old`, of one object on one frame.

    Points gather in order, a later box replaces an earlier one, and a mask stands alone: it replaces
    what there was, and points or a box given after it refine it rather than stand beside it.
    """
    if new.mask is not None:
        return new
    return Prompt(
        np.concatenate((old.points, new.points)).astype(np.float32),
        np.concatenate((old.labels, new.labels)).astype(np.int32),
        old.box if new.box is None else new.box,
    )


def without_point(prompt: Prompt, index: int) -> Prompt:
    """The prompt less one of its points. Raises PromptError if there is no such point."""
    if not 0 <= index < len(prompt.points):
        raise PromptError(f"there is no point {index}: the prompt has {len(prompt.points)}")
    keep = np.arange(len(prompt.points)) != index
    return replace(prompt, points=prompt.points[keep], labels=prompt.labels[keep])


def prompt_tokens(prompt: Prompt, size: tuple[int, int], side: int) -> tuple[FloatArray, FloatArray]:
    """Points (1, n, 2) in the S×S square, x, y, and labels (1, n), box corners first; n ≥ 1.

    Where neither points nor a box are given: one (0, 0) labelled −1.
    """
    corners = np.zeros((0, 2), np.float32) if prompt.box is None else prompt.box.reshape(2, 2)
    points = np.concatenate((corners, prompt.points)).astype(np.float32)
    labels = np.concatenate((BOX_LABELS[: len(corners)], prompt.labels)).astype(np.float32)
    if not len(points):
        return no_points(1)
    square = points / np.array([size[1], size[0]], np.float32) * np.float32(side)
    return cast(FloatArray, square[None]), labels[None]


def no_points(objects: int) -> tuple[FloatArray, FloatArray]:
    """What stands for no points: (b, 1, 2) zeros and (b, 1) labels −1."""
    return np.zeros((objects, 1, 2), np.float32), np.full((objects, 1), NO_POINT_LABEL, np.float32)

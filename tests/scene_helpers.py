"""The demo's scene, written as a clip, clicked and tracked by any engine."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from splitmask.demo.scene import BALL, BALLOON, Scene, Shot
from splitmask.demo.truth import click_on
from splitmask.engine.base import Engine
from splitmask.export.video import VideoWriter
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.session import ImageSession, VideoSession
from splitmask.types import BoolArray, Prompt

FRAMES = 52
SCENE = Scene(width=320, height=180, length=FRAMES)


def iou(a: BoolArray, b: BoolArray) -> float:
    """1 where both are empty."""
    return float((a & b).sum() / (a | b).sum()) if (a | b).any() else 1.0


def prompt_on(shot: Shot, key: int) -> Prompt:
    x, y = click_on(shot.labels == key)
    return Prompt(np.array([[x, y]], np.float32), np.ones(1, np.int32))


def write_clip(path: Path, shots: list[Shot]) -> Path:
    rate = Fraction(SCENE.fps)
    with VideoWriter(path, (SCENE.height, SCENE.width), rate, 1 / rate) as video:
        for shot in shots:
            video.write(shot.image)
    return path


def tracked(engine: Engine, path: Path, shot: Shot) -> Iterator[dict[int, BoolArray]]:
    """Each frame's masks of the balloon, 1, and the ball, 2, from a click each on the first frame."""
    with open_clip(path) as clip, VideoSession(engine, clip) as session:
        for object_id, key in ((1, BALLOON), (2, BALL)):
            session.add_prompt(object_id, 0, prompt_on(shot, key))
        for result in session.propagate():
            yield {key: logits_to_mask(mask.logits, mask.size) for key, mask in result.masks.items()}


def of_clicks(engine: Engine, shots: list[Shot]) -> list[tuple[BoolArray, BoolArray]]:
    """What a click on each object of some frames gives, and what is there."""
    session, pairs = ImageSession(engine), []
    for shot in shots:
        session.set_image(shot.image)
        for key in {BALLOON, BALL} & set(np.unique(shot.labels)):
            mask = session.predict(prompt_on(shot, key))[0]
            pairs.append((logits_to_mask(mask.logits, mask.size), shot.labels == key))
    return pairs


def worst_iou(ours: list[dict[int, BoolArray]], theirs: list[dict[int, BoolArray]]) -> float:
    """Over all frames and objects, which have to be the same ones."""
    return min(iou(a[key], b[key]) for a, b in zip(ours, theirs, strict=True) for key in a | b)

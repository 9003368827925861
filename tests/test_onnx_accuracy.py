"""nano's graphs on rendered pictures: tracked as torch tracks, and what precision costs."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from splitmask.demo.scene import BALL, BALLOON, Scene, Shot
from splitmask.demo.truth import click_on
from splitmask.engine import load
from splitmask.engine.base import Engine
from splitmask.engine.ort import OrtEngine
from splitmask.export.video import VideoWriter
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.model.weights import load_model
from splitmask.onnx.export import export
from splitmask.onnx.form import Form, Precision
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


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return list(SCENE.shots())


def tracked(engine: Engine, path: Path, shot: Shot) -> Iterator[dict[int, BoolArray]]:
    with open_clip(path) as clip, VideoSession(engine, clip) as session:
        for object_id, key in ((1, BALLOON), (2, BALL)):
            session.add_prompt(object_id, 0, prompt_on(shot, key))
        for result in session.propagate():
            yield {key: logits_to_mask(mask.logits, mask.size) for key, mask in result.masks.items()}


def test_a_clip_is_tracked_as_torch_tracks_it(shots: list[Shot], tmp_path: Path) -> None:
    path, rate = tmp_path / "clip.mp4", Fraction(SCENE.fps)
    with VideoWriter(path, (SCENE.height, SCENE.width), rate, 1 / rate) as video:
        for shot in shots:
            video.write(shot.image)
    found = []
    for name in ("ort", "torch"):
        found.append(list(tracked(load("nano", name, threads=1, device="cpu"), path, shots[0])))
    assert [len(frames) for frames in found] == [FRAMES, FRAMES]
    worst = {key: min(iou(a[key], b[key]) for a, b in zip(*found, strict=True)) for key in (1, 2)}
    assert all(value >= 0.999 for value in worst.values()), worst
    assert sum(frame[1].any() for frame in found[0]) > FRAMES // 2, "nothing was tracked"


def of_clicks(engine: Engine, shots: list[Shot]) -> list[tuple[BoolArray, BoolArray]]:
    """What a click on each object of some frames gives, and what is there."""
    session, pairs = ImageSession(engine), []
    for shot in shots:
        session.set_image(shot.image)
        for key in {BALLOON, BALL} & set(np.unique(shot.labels)):
            mask = session.predict(prompt_on(shot, key))[0]
            pairs.append((logits_to_mask(mask.logits, mask.size), shot.labels == key))
    return pairs


@pytest.mark.parametrize(("precision", "like", "lost"), [("fp16", 0.98, 0.01), ("int8", 0.9, 0.03)])
def test_half_precision_and_integers_give_the_same_masks(
    shots: list[Shot], precision: Precision, like: float, lost: float, tmp_path: Path
) -> None:
    pictures = [shot.image for shot in shots[::8]]
    export(load_model("nano"), tmp_path, Form(precision), pictures=pictures)
    asked = shots[4::12]  # int8 has not seen these
    whole, less = of_clicks(load("nano", "ort", threads=1), asked), of_clicks(OrtEngine(tmp_path, 1), asked)
    same = [iou(a, b) for (a, _), (b, _) in zip(whole, less, strict=True)]
    right, still = (float(np.mean([iou(a, truth) for a, truth in pairs])) for pairs in (whole, less))
    assert np.mean(same) >= like
    assert still >= right - lost

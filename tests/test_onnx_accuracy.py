"""nano's graphs on rendered pictures: tracked as torch tracks, and what precision costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scene_helpers import FRAMES, SCENE, iou, of_clicks, tracked, worst_iou, write_clip
from splitmask.demo.scene import Shot
from splitmask.engine import load
from splitmask.engine.ort import OrtEngine
from splitmask.model.weights import load_model
from splitmask.onnx.export import export
from splitmask.onnx.form import Form, Precision


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return list(SCENE.shots())


def test_a_clip_is_tracked_as_torch_tracks_it(shots: list[Shot], tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", shots)
    found = []
    for name in ("ort", "torch"):
        found.append(list(tracked(load("nano", name, threads=1, device="cpu"), path, shots[0])))
    assert [len(frames) for frames in found] == [FRAMES, FRAMES]
    assert worst_iou(*found) >= 0.999
    assert sum(frame[1].any() for frame in found[0]) > FRAMES // 2, "nothing was tracked"


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

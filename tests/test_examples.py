"""The examples run, do what they say, and are the official flows: only the import differs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import compat_official as official
from splitmask.compat.sam2 import SAM2VideoPredictor, amg
from splitmask.compat.sam2.base import SAM2Base
from splitmask.demo.scene import BALL, BALLOON, Scene

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = Path(__file__).parent.parent / "examples"
OURS, THEIRS = "splitmask.compat.sam2", "sam2"
NAMES = ("sam2_image", "sam2_video", "sam2_automatic")
CORRECTED = re.compile(r"^frame [1-9]\d* corrected: [1-9]\d* → \d+ pixels$", re.M)
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """run(name, *words) → what the example prints."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def call(name: str, *words: str, package: str = OURS) -> str:
        source = (EXAMPLES / f"{name}.py").read_text("utf-8")
        assert source.count(f"from {OURS}.") == (1 if name == "sam2_video" else 2)
        scope: dict[str, Any] = {"__name__": name}
        exec(compile(source.replace(f"from {OURS}.", f"from {package}."), name, "exec"), scope)
        scope["main"]([*words, "--device", "cpu", "-o", str(tmp_path / "out")])
        return capsys.readouterr().out

    return call


def tinted(path: Path, image: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the saved picture is not the one it was made from."""
    difference = np.asarray(Image.open(path)).astype(int) - image
    return np.asarray(abs(difference).max(axis=2) > 16)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_image(run: Run, tmp_path: Path) -> None:
    said = run("sam2_image")
    shot = next(iter(Scene(640, 360, length=1).shots()))
    for name in ("clicks", "box"):
        assert iou(tinted(tmp_path / "out" / f"{name}.png", shot.image), shot.labels == BALLOON) > 0.7
    mirrored = tinted(tmp_path / "out" / "mirrored.png", shot.image[:, ::-1])
    assert (mirrored & (shot.labels[:, ::-1] == BALLOON)).any()
    assert "two boxes: (2, 1, 360, 640)" in said


def test_video(run: Run, tmp_path: Path) -> None:
    said = run("sam2_video", "--length", "4")
    assert "object 1: followed through 4 frames" in said
    assert CORRECTED.search(said)
    assert "two objects: 4 frames, and 4 backwards" in said
    for t in (0, 3):
        image = np.asarray(Image.open(tmp_path / "out" / "frames" / f"{t:05d}.jpg"))
        shot = list(Scene(640, 360, length=4).shots())[t]
        found = tinted(tmp_path / "out" / f"frame-{t:05d}.png", image)
        assert (found & np.isin(shot.labels, (BALL, BALLOON))).sum() > 0.5 * found.sum() > 0


def test_automatic(run: Run, tmp_path: Path) -> None:
    said = run("sam2_automatic", "--points-per-side", "4")
    count, with_crops = (int(text) for text in re.findall(r"^(\d+) masks", said, re.M))
    assert count >= 1
    found = json.loads((tmp_path / "out" / "everything.json").read_text("utf-8"))
    assert len(found) == with_crops >= 1
    assert all(amg.rle_to_mask(each["segmentation"]).sum() == each["area"] for each in found)


def drawn(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Both packages build small models with the same drawn weights."""
    official.prepare_torchvision()
    video = name == "sam2_video"
    build = "build_sam2_video_predictor" if video else "build_sam2"
    theirs = official.build_video(official.SMALL) if video else official.build_image(official.SMALL)
    state = official.redraw(theirs, seed=3, presence=3.0)
    theirs.load_state_dict(state)
    ours = official.compat(SAM2VideoPredictor(official.SMALL) if video else SAM2Base(official.SMALL), state)
    for flag in ("dynamic_multimask_via_stability", "binarize_mask_from_pts_for_mem_enc"):
        if video or not flag.startswith("binarize"):
            setattr(ours, flag, True)
    for package, model in ((OURS, ours), (THEIRS, theirs)):
        monkeypatch.setattr(f"{package}.build_sam.{build}", lambda *_, model=model, **__: model)


@pytest.mark.skipif(*official.needs_official[0].args, **official.needs_official[0].kwargs)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_only_the_import_differs(name: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(monkeypatch, name)
    official.as_small(monkeypatch)
    words = {
        "sam2_image": (),
        "sam2_video": ("--length", "5"),
        "sam2_automatic": ("--points-per-side", "4", "--iou", "0.3", "--stability", "0.2"),
    }[name]
    expected, said = (run(name, *words, package=package) for package in (THEIRS, OURS))
    assert len(said.splitlines()) > 3
    assert said == expected
    assert bool(CORRECTED.search(said)) == (name == "sam2_video")

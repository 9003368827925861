"""The clip of its own making, its truth, and the demo's report."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from cli_helpers import files, small_model, splitmask
from splitmask.demo import run as demo_run
from splitmask.demo.scene import BALL, BALLOON, Scene, Shot
from splitmask.demo.truth import Scorer, click_on
from splitmask.engine import load
from splitmask.jobs.outputs import RESULT
from splitmask.media import open_clip, read_image
from splitmask.result import ObjectInfo, load_result
from splitmask.session import FrameResult
from splitmask.types import Frame, Mask

SMALL = Scene(width=160, height=90)
OBJECTS = [ObjectInfo(BALL, "ball", "#ff0000"), ObjectInfo(BALLOON, "balloon", "#00ff00")]


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return list(SMALL.shots())


def gaps(shots: list[Shot], number: int) -> list[tuple[int, int]]:
    """Stretches of frames [first, last] on which an object cannot be seen."""
    away = [shot.index for shot in shots if not (shot.labels == number).any()]
    starts = [i for i in away if i - 1 not in away]
    ends = [i for i in away if i + 1 not in away]
    return list(zip(starts, ends, strict=True))


def test_the_story(shots: list[Shot]) -> None:
    """The ball is hidden once, by the tree in the middle; the balloon leaves by the edge; both come back."""
    ((hidden, seen),) = gaps(shots, BALL)
    assert 30 < hidden <= seen < 66
    rows, columns = np.nonzero(shots[hidden - 1].labels == BALL)
    assert SMALL.width * 0.35 < columns.mean() < SMALL.width * 0.65
    assert rows.max() < SMALL.height - 1
    ((left, back),) = gaps(shots, BALLOON)
    assert back - left > 10
    for index in (left - 1, back + 1):
        assert (shots[index].labels[:, 0] == BALLOON).any()


def test_pictures_and_truth_belong_together(shots: list[Shot]) -> None:
    """Within the truth is what looks like the object: orange leather, red cloth."""
    first = shots[0]
    assert first.image.dtype == first.labels.dtype == np.uint8
    assert first.image.shape == (90, 160, 3)
    red, green, blue = (np.median(first.image[first.labels == BALL][:, c]) for c in range(3))
    assert red > green > blue
    cloth = np.median(first.image[first.labels == BALLOON], axis=0)
    assert cloth[0] > 2 * max(cloth[1], cloth[2])


def test_the_background_moves(shots: list[Shot]) -> None:
    still = (shots[0].labels == 0) & (shots[24].labels == 0)
    assert np.abs(shots[0].image[still].astype(int) - shots[24].image[still]).mean() > 3


def test_every_machine_gets_the_same_clip_and_every_seed_another() -> None:
    def third(scene: Scene) -> Shot:
        return next(islice(scene.shots(), 2, None))

    one, same, other = third(SMALL), third(SMALL), third(Scene(width=160, height=90, seed=12))
    assert np.array_equal(one.image, same.image)
    assert not np.array_equal(one.image, other.image)
    assert np.array_equal(one.labels, same.labels)


def test_a_larger_clip_tells_the_same_story(shots: list[Shot]) -> None:
    large = next(iter(Scene(width=480, height=270).shots()))
    shrunk = large.labels[1::3, 1::3]
    assert (shrunk == shots[0].labels).mean() > 0.99


def test_clicks_are_deep_inside() -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[10:31, 20:41] = True
    mask[20, 0:60] = True  # a thin line across the frame does not draw it away
    x, y = click_on(mask)
    assert abs(x - 30) <= 1
    assert abs(y - 20) <= 1


@pytest.mark.parametrize("number", [BALL, BALLOON])
def test_clicks_hit_the_objects(shots: list[Shot], number: int) -> None:
    x, y = click_on(shots[0].labels == number)
    assert shots[0].labels[y, x] == number


def perfect(shot: Shot) -> FrameResult:
    """Logits that give back the truth; an object that is not there is said to be absent."""
    masks = {}
    for info in OBJECTS:
        right = shot.labels == info.id
        logits = np.where(right, 1, -1).astype(np.float32)
        masks[info.id] = Mask(logits, 1.0, 1.0 if right.any() else -1.0, right.shape)
    return FrameResult(shot.index, None, masks)


def test_the_truth_scores_one_and_nothing_scores_what_is_empty(shots: list[Shot]) -> None:
    truth = {shot.index: shot.labels for shot in shots}
    right, nothing = (Scorer(truth, OBJECTS, {}, cells=0) for _ in range(2))
    for shot in shots:
        right.add(Frame(shot.index, shot.image), perfect(shot))
        nothing.add(Frame(shot.index, shot.image), None)
    assert {score.jf for score in right.scores().values()} == {1.0}
    scored = [shot for shot in shots[1:-1] if not (shot.labels == BALLOON).any()]
    assert nothing.scores()["balloon"].j.mean == pytest.approx(len(scored) / (len(shots) - 2))


def test_a_run_leaves_a_clip_and_what_was_found_in_it(tmp_path: Path) -> None:
    scene = Scene(width=160, height=90, length=14)
    ticks: list[int] = []
    truth = demo_run.render(scene, tmp_path / demo_run.CLIP, lambda: ticks.append(1))
    report = demo_run.run(load(small_model()), scene, truth, tmp_path, lambda: not ticks.append(1))
    assert len(ticks) == 2 * scene.length
    assert files(tmp_path) == sorted(demo_run.TARGETS)
    assert report.frames == scene.length
    assert set(report.scores) == {"ball", "balloon"}
    assert all(score.frames == scene.length - 2 for score in report.scores.values())
    with open_clip(tmp_path / demo_run.CLIP) as clip:
        first = clip.frame(0).image.astype(int)
    assert np.abs(first - next(iter(scene.shots())).image).mean() < 6
    assert load_result(tmp_path / RESULT).complete
    assert read_image(tmp_path / demo_run.SHEET).shape[1] > 4 * 320


def test_a_stopped_run_says_so(tmp_path: Path) -> None:
    scene = Scene(width=160, height=90, length=14)
    truth = demo_run.render(scene, tmp_path / demo_run.CLIP, lambda: None)
    left = iter([True, True, True, False])
    report = demo_run.run(load(small_model()), scene, truth, tmp_path, lambda: next(left))
    assert report.frames == 4
    result = load_result(tmp_path / RESULT)
    assert not result.complete
    assert len(result.frames) == 4


def test_the_command_tells_what_to_type_next(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitmask.demo.scene.Scene", lambda: Scene(width=160, height=90, length=14))
    words = ["demo", "--model", small_model(), "-o", tmp_path / "demo"]
    outcome = splitmask(capsys, *words)
    assert outcome.code == 0
    assert "14 frames at" in outcome.out
    line = next(line for line in outcome.out.splitlines() if "for example" in line)
    command = line.split("splitmask ")[1].split()
    again = splitmask(capsys, *command, "--model", small_model(), "-o", tmp_path / "out")
    assert again.code == 0
    assert "--overwrite" in splitmask(capsys, *words).error
    assert splitmask(capsys, *words, "--overwrite").code == 0

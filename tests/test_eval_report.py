"""Rows by hand, the report's files, the picture of the worst cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splitmask.eval.clicks import Click, ClickCase, ClickPicture
from splitmask.eval.metrics import ObjectScore, Statistics
from splitmask.eval.report import EvalReport
from splitmask.eval.summary import click_rows, clip_rows, video_rows
from splitmask.eval.video import Presence, VideoCase, VideoPicture
from splitmask.eval.worst import Worst, draw_tile
from splitmask.train.readers import ImageSample, LoadedImage, ObjectKey


def click_case(
    kind: str, ious: tuple[float, ...], area: int = 2000, label_map: int = 0, name: str = "a"
) -> ClickCase:
    return ClickCase(
        name=name,
        kind=kind,
        key=ObjectKey(label_map, 1),
        area=area,
        clicks=(Click(3, 4, 1),) * len(ious),
        ious=ious,
        scores=(0.9,) * len(ious),
        box_ious=(0.5, 0.7),
    )


def video_case(
    kind: str, j: float, f: float, prompt: str = "mask", name: str = "x", **presence: int
) -> VideoCase:
    score = ObjectScore(Statistics(j, 1.0, 0.1), Statistics(f, 0.5, 0.2), 10)
    return VideoCase(name, kind, ObjectKey(0, 1), prompt, 0, score, Presence(**presence))  # type: ignore[arg-type]


def report_of(clicks: list[ClickCase], video: list[VideoCase]) -> EvalReport:
    return EvalReport(
        model="toy · numpy",
        weights_sha256="0" * 64,
        data=("some/coco.tar",),
        part="held-out",
        limit=None,
        clicks=tuple(clicks),
        video=tuple(video),
        skipped=("some/coco.tar/coco_1.webp is broken",),
        seconds={"encode": 0.1, "click": 0.004, "total": 5.0},
    )


def test_click_rows_by_hand() -> None:
    cases = [
        click_case("coco", (0.4, 0.8, 0.9)),
        click_case("coco", (0.2, 0.3, 0.4), area=500),
        click_case("human", (0.9, 0.95, 0.95), area=10_000),
        click_case("ccp", (0.1, 0.1, 0.1)),  # clothes
        click_case("ccp", (0.5, 0.86, 0.86), label_map=1),  # the person
    ]
    rows = {row.group: row for row in click_rows(cases)}
    assert list(rows)[:3] == ["ccp", "coco", "human"]
    coco = rows["coco"]
    assert coco.objects == 2
    assert coco.ious == pytest.approx((0.3, 0.55, 0.65))
    assert coco.box_ious == pytest.approx((0.5, 0.7))
    assert coco.noc == pytest.approx((3.0, 3.0))  # reached at 3, and never: counts as 3
    assert coco.reached == pytest.approx((0.5, 0.5))
    assert coco.score_error == pytest.approx(np.mean([0.5, 0.1, 0.0, 0.7, 0.6, 0.5]))
    assert rows["everyday ≥ 32²"].ious == pytest.approx((0.4, 0.8, 0.9))
    assert rows["pedestrians"].ious == pytest.approx((0.7, 0.905, 0.905))
    assert rows["small < 32²"].objects == 1
    assert rows["medium"].objects == 3
    assert rows["large ≥ 96²"].objects == 1
    assert rows["all"].objects == 5


def test_video_rows_by_hand() -> None:
    cases = [
        video_case("davis", 0.8, 0.6, in_view=8, said_present=6, out_of_view=2, said_absent=1),
        video_case("davis", 0.4, 0.2, in_view=2, said_present=2),
        video_case("sav", 0.6, 0.8, name="y"),
        video_case("davis", 0.5, 0.5, prompt="click"),
    ]
    rows = {(row.group, row.prompt): row for row in video_rows(cases)}
    assert set(rows) == {
        ("davis", "mask"),
        ("sav", "mask"),
        ("all", "mask"),
        ("davis", "click"),
        ("all", "click"),
    }
    davis = rows["davis", "mask"]
    assert (davis.objects, davis.j, davis.f, davis.jf) == pytest.approx((2, 0.6, 0.4, 0.5))
    assert (davis.present_right, davis.absent_right) == pytest.approx((0.8, 0.5))
    assert rows["all", "mask"].jf == pytest.approx((0.7 + 0.3 + 0.7) / 3)  # objects count alike
    assert rows["sav", "mask"].present_right is None
    assert [(row.group, row.prompt, row.objects) for row in clip_rows(cases)] == [
        ("x", "mask", 2),
        ("y", "mask", 1),
        ("x", "click", 1),
    ]


def test_files(tmp_path: Path) -> None:
    report = report_of([click_case("coco", (0.4, 0.8, 0.9))], [video_case("davis", 0.8, 0.6)])
    paths = report.write(tmp_path / "out")
    assert [path.name for path in paths] == ["eval.json", "eval.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["eval.json", "eval.md"]
    content = json.loads(paths[0].read_text())
    assert content["clicks"][0]["ious"] == [0.4, 0.8, 0.9]
    assert content["clickCases"][0]["key"] == [0, 1]
    assert content["clickCases"][0]["clicks"][0] == {"x": 3, "y": 4, "label": 1}
    assert content["video"][0]["jf"] == pytest.approx(0.7)
    assert content["videoCases"][0]["score"]["j"]["mean"] == 0.8
    assert content["skipped"] == ["some/coco.tar/coco_1.webp is broken"]
    table = paths[1].read_text()
    assert "| IoU after … clicks | objects | 1 | 2 | 3 | box | box + 1 | NoC 85% | NoC 90% |" in table
    assert "| coco | 1 | 0.400 | 0.800 | 0.900 | 0.500 | 0.700 | 3.00 | 3.00 | 100% | 100% |" in table
    assert "| davis | mask | 1 | 70.0 | 80.0 | 100.0 | 10.0 | 60.0 |" in table


def test_only_what_was_evaluated_is_shown() -> None:
    assert [sheet.title for sheet in report_of([click_case("coco", (0.4,))], []).sheets()] == ["Clicks"]
    assert len(report_of([], [video_case("davis", 0.8, 0.6)]).sheets()) == 2


def test_a_tile_shows_truth_prediction_and_clicks() -> None:
    image = np.zeros((128, 64, 3), np.uint8)
    truth, mask = np.zeros((128, 64), bool), np.zeros((128, 64), bool)
    truth[20:60, 10:50] = True
    mask[70:110, 10:50] = True
    tile = draw_tile(image, truth, mask, "two\nlines", [Click(30, 40, 1), Click(30, 90, 0)])
    assert tile.shape == (288, 256, 3)
    scaled = 2  # the longer side becomes 256
    assert tile[20 * scaled, 30 * scaled, 1] == 255  # the outline is green
    assert tile[75 * scaled, 12 * scaled, 0] > 100  # the prediction is tinted
    assert tuple(tile[30 * scaled, 12 * scaled]) == (0, 0, 0)  # inside the truth nothing is painted
    assert tile[81, 61, 1] > 200  # the positive click
    assert tile[181, 61, 0] > 200  # the negative one
    assert tile[258:].max() > 200  # the caption


def picture_of(kind: str, iou: float, name: str) -> ClickPicture:
    image = np.full((20, 20, 3), 99, np.uint8)
    sample = ImageSample(name, kind, name, lambda: image, list)
    truth = np.zeros((20, 20), bool)
    truth[5:9, 5:9] = True
    case = click_case(kind, (0.99, 0.99, iou), name=name)
    return ClickPicture(case, LoadedImage(sample, image, []), truth, (truth,) * 3)


def test_the_worst_of_each_kind_are_kept(tmp_path: Path) -> None:
    worst = Worst(per_kind=2)
    for name, iou in (("best", 0.9), ("worst", 0.1), ("middle", 0.5), ("bad", 0.2), ("good", 0.7)):
        worst.add_click(picture_of("coco", iou, name))
    worst.add_click(picture_of("human", 0.95, "only"))
    assert worst.write(tmp_path / "worst.png")
    assert sorted(-value for value, _, _ in worst._tiles["coco"]) == [0.1, 0.2]
    with Image.open(tmp_path / "worst.png") as sheet:
        assert sheet.size == (3 * 256, 288)
    assert not Worst().write(tmp_path / "worst.png")
    assert not (tmp_path / "worst.png").exists()  # of an earlier run


def test_the_worst_video(tmp_path: Path) -> None:
    worst = Worst(per_kind=1)
    blank = np.zeros((20, 30), bool)
    for j in (0.9, 0.2, 0.4):
        case = video_case("davis", j, j, name=f"clip {j}")
        worst.add_video(VideoPicture(case, 3, np.zeros((20, 30, 3), np.uint8), blank, blank))
    assert worst.write(tmp_path / "worst.png")
    assert [-value for value, _, _ in worst._tiles["mask"]] == [0.2]

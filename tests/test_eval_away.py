"""Made clips: what is said to be away is away, and what is in view is where it is said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import readers_helpers as made
from eval_helpers import ColourEngine
from splitmask.eval.away import AWAY, FRAMES, WAYS, Scene, away_clips
from splitmask.eval.run import EvalOptions, run_eval
from splitmask.train.readers import ClipSample, ImageSample, Problems

THING = (210, 40, 40)
NEARLY = range(AWAY.start - 2, AWAY.stop + 2)  # what is near the edge is out sooner


def sample(number: int) -> ImageSample:
    """Grey noise, with a red disc on it that is labelled and a blue one that is part of a finer map."""
    y, x = np.mgrid[:90, :120]
    disc = np.hypot(x - 60, y - 45) < 20
    image = np.random.default_rng(number).integers(100, 130, (90, 120, 3), dtype=np.uint8)
    image[disc] = THING
    parts = np.where(disc & (x < 60), 1, 0).astype(np.uint8)
    name = f"thing_{number}"
    return ImageSample(name, "thing", name, lambda: image, lambda: [parts, disc.astype(np.uint8)])


def clips(count: int = 6) -> list[ClipSample]:
    return away_clips([sample(number) for number in range(count)], count, Problems())


def test_a_thing_is_away_for_eight_frames_and_nobody_says_how_much_is_half() -> None:
    found = clips()
    assert len(found) == 6
    assert {clip.name.split("_")[1] for clip in found} == set(WAYS)
    for clip in found:
        assert clip.frames == FRAMES
        assert set(AWAY) <= set(clip.annotated)
        areas = {index: int(clip.load_labels(index)[0].sum()) for index in clip.annotated}
        assert all(areas[index] == 0 for index in AWAY)
        assert all(index in NEARLY for index, area in areas.items() if area == 0)
        assert all(2 * area >= areas[0] for area in areas.values() if area)
        assert {0, FRAMES - 1} <= set(clip.annotated), "it comes back"


def test_what_is_seen_in_part_is_not_labelled() -> None:
    thing = np.full((20, 20, 4), 255, np.uint8)
    at = np.stack((np.arange(FRAMES) * 2 + 78, np.full(FRAMES, 30)), axis=1)
    wall_at = np.full((FRAMES, 2), -500)
    scene = Scene(np.zeros((90, 100, 3), np.uint8), thing, np.zeros((4, 4, 3), np.uint8), at, wall_at)
    assert scene.labelled() == (0, 1, 2, 3, 4, 5, 6, *range(11, FRAMES))


def test_the_label_is_where_the_thing_is() -> None:
    for clip in clips():
        for index in clip.annotated:
            label = clip.load_labels(index)[0].astype(bool)
            red = np.asarray((np.abs(clip.load_frame(index).astype(int) - THING) < 12).all(axis=2))
            inside = label & np.roll(label, 2, 0) & np.roll(label, -2, 0) & np.roll(label, 2, 1)
            inside &= np.roll(label, -2, 1)
            if index not in NEARLY:
                assert np.count_nonzero(inside) > 50
            assert red[inside].all()


def test_the_same_names_make_the_same_clips() -> None:
    samples = [sample(number) for number in range(8)]
    one = away_clips(samples, 4, Problems())
    other = away_clips(samples[::-1], 4, Problems())
    assert [clip.name for clip in one] == [clip.name for clip in other]
    assert np.array_equal(one[0].load_frame(7), other[0].load_frame(7))
    assert away_clips(samples[:2], 4, Problems()) == [], "there is nothing to lay over"


def test_presence_is_measured(tmp_path: Path) -> None:
    made.coco(tmp_path, count=8)
    options = EvalOptions(what="presence", part="all", limit=3, prompts=("mask",))
    report, _ = run_eval(ColourEngine(), [tmp_path], options, Problems())
    assert not report.clicks
    assert len(report.video) == 3
    (row,) = report.video_rows
    assert row.group == "away"
    assert row.present_right is not None
    assert row.absent_right is not None
    for case in report.video:
        assert case.presence.out_of_view >= len(AWAY)
        assert case.presence.in_view >= 6

"""Where things go, and how long they are away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitmask.train.motion import BEYOND, Absence, aside, pose, seen_at


@given(st.integers(0, 10_000), st.integers(4, 24))
def test_an_absence_leaves_the_first_frame_alone_and_is_long(seed: int, frames: int) -> None:
    away = Absence.draw(np.random.default_rng(seed), frames)
    share = away.share(frames)
    assert share[0] == 0
    assert share.min() >= 0
    assert share.max() == 1
    span = range(away.first, min(away.last + 1, frames))
    assert (share[span.start : span.stop] == 1).all()
    assert away.last - away.first + 1 >= max(2, frames // 3)
    warped = away.warp(frames)
    assert warped[0] == 0
    assert (np.diff(warped) >= 0).all()
    assert np.ptp(warped[span.start : span.stop]) == 0, "time stands still behind the wall"


@given(st.integers(0, 10_000))
def test_aside_is_out_of_the_frame(seed: int) -> None:
    offsets = aside(np.random.default_rng(seed), np.array([0.0, 0.5, 1.0]))
    assert np.array_equal(offsets[0], [0, 0])
    assert np.abs(offsets[2]).max() == pytest.approx(BEYOND)
    assert offsets[1] == pytest.approx(offsets[2] / 2)


def test_a_box_is_found_where_its_view_shows_it() -> None:
    views = np.stack([pose(50, 40, 100, 80, 0.2, 0.1, -0.2), pose(60, 40, -100, 80, 0.0, 0.0, 0.0)])
    at, half = seen_at(views, (40, 30, 60, 50))
    for view, point in zip(views, at, strict=True):
        assert view[:, :2] @ point + view[:, 2] == pytest.approx([50, 40], abs=1e-3)
    assert at[0] == pytest.approx([0.1, -0.2])
    assert 0.1 < half < 0.2

"""Memory selection beyond its golden vectors: what holds for every clip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitmask.errors import PromptError
from splitmask.presets import NANO
from splitmask.session.memory_bank import Limits, closest_prompted, live_window, recent_frames, select

frames_ = st.integers(0, 200)
strides = st.integers(1, 7)


@given(frames_, st.booleans(), st.sets(frames_, min_size=1, max_size=9), st.sets(frames_), strides)
def test_nothing_is_attended_to_twice_nor_invented(
    frame: int, reverse: bool, prompted: set[int], tracked: set[int], stride: int
) -> None:
    found = select(frame, reverse, prompted, tracked.__contains__, 201, Limits(max_prompted=3, stride=stride))
    frames = [t for t, _ in found.memories]
    assert len(frames) == len(set(frames))
    assert set(frames) <= prompted | tracked
    assert len(frames) <= 3 + 6
    pointed = [t for t, _ in found.pointers]
    assert len(pointed) == len(set(pointed)) <= 3 + 15
    assert all(dt >= 0 for _, dt in found.pointers)
    assert found.memories[0][1] == 0


@given(frames_, st.booleans(), strides, st.integers(1, 40))
def test_what_a_later_frame_needs_is_held(frame: int, reverse: bool, stride: int, later: int) -> None:
    """Dropping all memories outside the live window, frame by frame, loses none that is asked for."""
    limits = Limits(stride=stride)
    onward = -1 if reverse else 1
    held: set[int] = set()
    for t in range(frame, frame + onward * (later + 1), onward):
        needed = {r for r, _ in recent_frames(t, reverse, limits)}
        passed = {r for r in needed if (r < t if reverse is False else r > t)}
        started = range(frame, t) if not reverse else range(t + 1, frame + 1)
        assert passed & set(started) <= held
        held = (held | {t}) & live_window(t, reverse, limits)
        assert len(held) <= 7


@given(frames_, st.sets(frames_, min_size=1, max_size=12), st.integers(2, 5))
def test_the_nearest_on_either_side_are_always_chosen(frame: int, prompted: set[int], limit: int) -> None:
    chosen = closest_prompted(frame, prompted, limit)
    assert len(chosen) == min(limit, len(prompted))
    before, after = [p for p in prompted if p < frame], [p for p in prompted if p >= frame]
    assert not before or max(before) in chosen
    assert not after or min(after) in chosen


def test_limits_come_from_the_preset() -> None:
    assert Limits.of(NANO, max_prompted=4) == Limits(7, 16, 4, 1)
    with pytest.raises(PromptError, match="max_prompted is 1"):
        Limits(max_prompted=1)
    with pytest.raises(PromptError, match="stride is 0"):
        Limits(stride=0)

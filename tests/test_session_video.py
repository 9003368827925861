"""Video sessions on a little tracker in numpy: objects tracked, each frame worked on once, for all."""

from __future__ import annotations

import numpy as np
import pytest

from session_helpers import (
    BLUE,
    GREEN,
    RED,
    SCENE,
    ToyEngine,
    click,
    iou,
    run,
    same,
    to_bool,
    toy_engine,
    toy_session,
)
from splitmask.errors import PromptError
from splitmask.session import ImageStack, VideoSession
from splitmask.types import Mask

engine, session = toy_engine, toy_session


def test_objects_are_tracked_to_the_end(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    results = run(session.propagate())
    assert list(results) == list(range(40))
    for t, result in results.items():
        assert list(result.masks) == [RED, GREEN]
        assert iou(result.masks[GREEN], SCENE.truth("green", t)) > 0.5
        if t not in range(20, 24):
            assert iou(result.masks[RED], SCENE.truth("red", t)) > 0.5


def test_an_object_that_is_gone_has_an_empty_mask_and_comes_back(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    results = run(session.propagate())
    for t in range(20, 24):
        assert results[t].masks[RED].presence <= 0
        assert (results[t].masks[RED].logits == -1024).all()
        assert not to_bool(results[t].masks[RED]).any()
    assert results[24].masks[RED].presence > 0


def test_a_run_in_reverse(session: VideoSession) -> None:
    session.add_prompt(RED, 30, SCENE.click("red", 30))
    results = run(session.propagate(reverse=True))
    assert list(results) == list(range(30, -1, -1))
    assert all(iou(results[t].masks[RED], SCENE.truth("red", t)) > 0.5 for t in (25, 15, 5, 0))
    assert list(run(session.propagate(29, 9, reverse=True))) == list(range(29, 9, -1))


def test_where_a_run_starts_and_ends(session: VideoSession) -> None:
    session.add_prompt(RED, 5, SCENE.click("red", 5))
    assert list(run(session.propagate(stop=9))) == [5, 6, 7, 8]
    assert list(run(session.propagate(7, max_frames=4))) == [7, 8, 9, 10]
    assert list(run(session.propagate(38, 99))) == [38, 39]
    assert list(run(session.propagate(max_frames=0))) == []
    assert list(run(session.propagate(0, 8))) == [5, 6, 7]  # nothing is known before the prompt
    for start in (-1, 40):
        with pytest.raises(PromptError, match=f"cannot start on frame {start}: choose one of 0 to 39"):
            session.propagate(start)
    with pytest.raises(PromptError, match="max_frames"):
        session.propagate(max_frames=-1)


def test_the_window_of_a_clip_bounds_its_runs(engine: ToyEngine) -> None:
    source = ImageStack(SCENE.frames)
    source.window = (10, 15)  # type: ignore[attr-defined]
    with VideoSession(engine, source) as session:
        session.add_prompt(RED, 12, SCENE.click("red", 12))
        assert list(run(session.propagate())) == [12, 13, 14]
        assert list(run(session.propagate(reverse=True))) == [12, 11, 10]
        assert list(run(session.propagate(stop=17))) == [12, 13, 14, 15, 16]


def test_an_object_enters_at_its_prompt_in_either_direction(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 10, SCENE.click("green", 10))
    forward = run(session.propagate())
    assert list(forward[9].masks) == [RED]
    assert list(forward[10].masks) == [RED, GREEN]
    backward = run(session.propagate(reverse=True))
    assert list(backward) == list(range(10, -1, -1))
    assert all(list(result.masks) == [RED, GREEN] for result in backward.values())
    assert iou(backward[0].masks[GREEN], SCENE.truth("green", 0)) > 0.5


def test_lead_in_guesses_before_the_prompt_until_a_run_does_better(
    session: VideoSession, engine: ToyEngine
) -> None:
    session.add_prompt(GREEN, 10, SCENE.click("green", 10))
    guess = run(session.propagate(0, lead_in=True))
    assert list(guess) == list(range(40))
    assert session.stale(GREEN) == []
    assert session.stale(GREEN, reverse=True) == [(0, 10)]
    before = engine.count("recall")
    run(session.propagate(reverse=True))
    assert engine.count("recall") == before + 10
    assert session.stale(GREEN, reverse=True) == []


def test_objects_share_each_call(session: VideoSession, engine: ToyEngine) -> None:
    for object_id, name in ((RED, "red"), (GREEN, "green"), (BLUE, "blue")):
        session.add_prompt(object_id, 0, SCENE.click(name, 0))
    engine.calls.clear()
    run(session.propagate(stop=5))
    step = [("encode", 1), ("recall", 3), ("decode", 3), ("remember", 3)]
    assert engine.calls == [("remember", 3), *step * 4]


def test_batched_objects_get_what_each_gets_alone() -> None:
    together: dict[str, Mask] = {}
    with VideoSession(ToyEngine(), ImageStack(SCENE.frames)) as session:
        for object_id, name in enumerate(("red", "green", "blue")):
            session.add_prompt(object_id, 0, SCENE.click(name, 0))
        last = run(session.propagate())[39]
        together = dict(zip(("red", "green", "blue"), last.masks.values(), strict=True))
    for name, mask in together.items():
        with VideoSession(ToyEngine(), ImageStack(SCENE.frames)) as session:
            session.add_prompt(7, 0, SCENE.click(name, 0))
            alone = run(session.propagate())[39].masks[7]
        np.testing.assert_allclose(alone.logits, mask.logits, atol=1e-5)


def test_clicks_on_one_frame_encode_it_once(session: VideoSession, engine: ToyEngine) -> None:
    for label in (1, 0, 1):
        session.add_prompt(RED, 8, click(3, 3, label=label), clear_old=False)
    session.add_prompt(GREEN, 8, SCENE.click("green", 8))
    assert engine.count("encode") == 1
    run(session.propagate(max_frames=5))
    assert engine.count("encode") == 5
    session.add_prompt(GREEN, 8, SCENE.click("green", 8))  # a run has been elsewhere since
    assert engine.count("encode") == 5


def test_a_click_on_the_frame_just_tracked_encodes_nothing(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    for result in session.propagate():
        if result.index == 10:
            before = engine.count("encode")
            session.add_prompt(GREEN, 10, SCENE.click("green", 10))
            assert engine.count("encode") == before
        if result.index > 10:
            assert list(result.masks) == [RED, GREEN]


def test_turning_to_another_frame_makes_the_memories_at_hand(
    session: VideoSession, engine: ToyEngine
) -> None:
    for t in (0, 12, 30):
        session.add_prompt(RED, t, SCENE.click("red", t))
        session.add_prompt(GREEN, t, SCENE.click("green", t))
    assert engine.count("encode") == 3
    assert [b for verb, b in engine.calls if verb == "remember"] == [2, 2]
    run(session.propagate(0, 3))
    assert engine.count("encode") == 5


def test_a_second_run_only_replays(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    first = run(session.propagate())
    engine.calls.clear()
    second = run(session.propagate())
    assert engine.calls == []
    assert list(second) == list(first)
    assert all(same(first[t].masks[RED], second[t].masks[RED]) for t in first)
    assert run(session.propagate(replay=False)) == {}
    assert first[3].frame is not None
    assert second[3].frame is None


def test_redo_works_on_everything_but_what_was_prompted(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    first = run(session.propagate())
    engine.calls.clear()
    again = run(session.propagate(redo=True))
    assert engine.count("recall") == 39
    assert all(same(first[t].masks[RED], again[t].masks[RED], atol=1e-5) for t in first)


def test_an_object_added_later_leaves_the_others_alone(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    first = run(session.propagate())
    session.add_prompt(GREEN, 15, SCENE.click("green", 15))
    engine.calls.clear()
    second = run(session.propagate())
    assert [b for verb, b in engine.calls if verb == "recall"] == [1] * 24
    assert engine.count("encode") == 24
    assert all(same(first[t].masks[RED], second[t].masks[RED]) for t in first)
    assert list(second[20].masks) == [RED, GREEN]


def test_a_correction_is_followed_to_the_next_prompted_frame(
    session: VideoSession, engine: ToyEngine
) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(RED, 30, SCENE.click("red", 30))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    first = run(session.propagate())
    session.add_prompt(RED, 10, SCENE.click("blue", 10))  # it was the blue one that was meant
    assert session.stale(RED) == [(11, 30)]
    assert session.stale(RED, reverse=True) == [(1, 10), (11, 30)]
    assert session.stale(GREEN) == []
    assert session.is_prompted(RED, 10)
    engine.calls.clear()
    second = run(session.propagate())
    assert [b for verb, b in engine.calls if verb == "recall"] == [1] * 19
    assert session.stale(RED) == []
    for t in (t for t in range(40) if t not in range(20, 24)):  # hidden: no mask either way
        unchanged = same(first[t].masks[RED], second[t].masks[RED])
        assert unchanged == (t not in range(10, 30)), t
        assert same(first[t].masks[GREEN], second[t].masks[GREEN])


def test_in_reverse_a_correction_is_followed_the_other_way(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate(stop=30))
    session.add_prompt(RED, 10, SCENE.click("red", 10))
    engine.calls.clear()
    run(session.propagate(reverse=True))
    assert [b for verb, b in engine.calls if verb == "recall"] == [1] * 9
    assert session.stale(RED) == [(11, 30)]


def test_overtaken_masks_are_shown_but_not_attended_to(session: VideoSession) -> None:
    """A run in reverse from a corrected frame does not learn from the masks that it overtook."""
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate(stop=30))
    session.add_prompt(RED, 10, SCENE.click("blue", 10))
    kept = session.result(20)
    assert kept is not None
    assert RED in kept.masks
    corrected = run(session.propagate(reverse=True))
    with VideoSession(ToyEngine(), ImageStack(SCENE.frames)) as other:
        other.add_prompt(RED, 0, SCENE.click("red", 0))
        run(other.propagate(stop=11))
        other.add_prompt(RED, 10, SCENE.click("blue", 10))
        expected = run(other.propagate(reverse=True))
    assert all(same(corrected[t].masks[RED], expected[t].masks[RED], 1e-4) for t in range(1, 10))

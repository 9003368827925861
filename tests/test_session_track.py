"""Prompts in a video session: what they are fed, what they leave behind, what they take back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from session_helpers import (
    BLUE,
    GREEN,
    RED,
    SCENE,
    ToyEngine,
    box_prompt,
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
from splitmask.session.prompts import merge_prompts
from splitmask.types import Features, Prompt

engine, session = toy_engine, toy_session


def test_a_correction_is_decoded_from_the_past(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    assert [verb for verb, _ in engine.calls] == ["encode", "decode"]
    run(session.propagate())
    engine.calls.clear()
    session.add_prompt(RED, 39, SCENE.click("red", 39))
    assert [verb for verb, _ in engine.calls][-2:] == ["recall", "decode"]
    session.add_prompt(GREEN, 39, SCENE.click("green", 39))  # never tracked: from the frame alone
    assert engine.calls[-1] == ("decode", 1)
    assert engine.count("recall") == 1


def test_the_only_prompted_frame_does_not_attend_to_itself(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate())
    before = engine.count("recall")
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    assert engine.count("recall") == before


def test_a_prompted_frame_that_a_run_has_passed_is_corrected_from_the_others(
    session: VideoSession, engine: ToyEngine
) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(RED, 10, SCENE.click("red", 10))
    assert engine.count("recall") == 0
    run(session.propagate())
    slots: list[list[int]] = []
    recall = engine.recall
    engine.recall = lambda f, r: slots.append([s for _, s in r[0].memories]) or recall(f, r)  # type: ignore
    session.add_prompt(RED, 10, SCENE.click("red", 10))
    assert slots == [[0, 6, 5, 4, 3, 2, 1]]  # one prompted frame: the other one


@pytest.mark.parametrize(("engine_most", "asked", "attended"), [(-1, None, 6), (4, None, 4), (4, 2, 2)])
def test_the_engine_says_how_many_prompted_frames_it_takes(
    engine: ToyEngine, engine_most: int, asked: int | None, attended: int
) -> None:
    engine.max_prompted = engine_most
    slots: list[list[int]] = []
    recall = engine.recall
    engine.recall = lambda f, r: slots.append([s for _, s in r[0].memories]) or recall(f, r)  # type: ignore
    with VideoSession(engine, ImageStack(SCENE.frames), max_prompted=asked) as session:
        for frame in range(0, 18, 3):
            session.add_prompt(RED, frame, SCENE.click("red", frame))
        run(session.propagate(35, 36))
    assert [each.count(0) for each in slots] == [attended]


def fed_by(engine: ToyEngine) -> list[np.ndarray | None]:
    """What each decoding from now on is fed as mask_input."""
    fed: list[np.ndarray | None] = []
    decode: Callable[..., object] = engine.decode

    def noting(features: Features, points: object, labels: object, mask_input: object = None) -> object:
        fed.append(mask_input)  # type: ignore[arg-type]
        return decode(features, points, labels, mask_input)

    engine.decode = noting  # type: ignore[method-assign, assignment]
    return fed


def test_a_further_click_is_fed_the_mask_so_far(session: VideoSession, engine: ToyEngine) -> None:
    fed = fed_by(engine)
    first = session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(RED, 0, click(5, 5, label=0), clear_old=False)
    session.add_prompt(RED, 0, SCENE.click("red", 0), refine=False)
    assert fed[0] is None
    assert fed[1] is not None
    np.testing.assert_array_equal(fed[1], np.clip(first.logits, -32, 32)[None, None])
    assert fed[2] is None


def test_a_correction_is_fed_the_tracked_mask_within_limits(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate(stop=22))
    fed = fed_by(engine)
    session.add_prompt(RED, 21, click(50, 50))  # it is hidden there: −1024
    assert fed[0] is not None
    assert (fed[0] == -32).all()


def test_points_gather_or_replace(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(RED, 0, SCENE.click("green", 0), clear_old=False)
    assert len(session.prompts[RED, 0].points) == 2
    session.add_prompt(RED, 0, SCENE.click("green", 0))
    assert session.prompts[RED, 0].points.tolist() == SCENE.click("green", 0).points.tolist()


def test_one_click_takes_the_best_of_three_and_more_take_token_0(session: VideoSession) -> None:
    one = session.add_prompt(RED, 0, SCENE.click("red", 0))
    two = session.add_prompt(GREEN, 0, merge_prompts(SCENE.click("green", 0), SCENE.click("green", 0)))
    box = SCENE.boxes["blue"][0]
    assert box is not None
    boxed = session.add_prompt(BLUE, 0, box_prompt(box))
    assert one.score == pytest.approx(0.9, abs=0.02)
    assert two.score == pytest.approx(0.8, abs=0.02)
    assert boxed.score == pytest.approx(0.8, abs=0.02)


def test_a_mask_prompt_is_the_answer(session: VideoSession, engine: ToyEngine) -> None:
    truth = SCENE.truth("red", 0)
    fed = fed_by(engine)
    mask = session.add_prompt(RED, 0, Prompt(mask=truth))
    assert iou(mask, truth) > 0.85
    assert (mask.score, mask.presence) == (1.0, 10.0)
    assert mask.logits.max() == pytest.approx(10, abs=1e-3)
    assert mask.logits.min() == pytest.approx(-10, abs=1e-3)
    assert fed[0] is not None
    assert set(np.unique(fed[0])) <= {-16.0, 16.0} | set(np.arange(-16, 17, 2.0))
    results = run(session.propagate())
    assert iou(results[10].masks[RED], SCENE.truth("red", 10)) > 0.5


def test_a_mask_prompts_pointer_is_decoded_without_memory(session: VideoSession) -> None:
    session.add_prompt(RED, 0, Prompt(mask=SCENE.truth("red", 0)))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    pointers = {i: session._tracks[i].pointer(0) for i in (RED, GREEN)}
    assert pointers[RED] is not None
    assert pointers[RED][5] == 0  # the toy tells which features it saw
    assert pointers[GREEN] is not None
    assert pointers[GREEN][5] == 1


def test_an_empty_mask_says_that_the_object_is_not_there(session: VideoSession, engine: ToyEngine) -> None:
    mask = session.add_prompt(RED, 0, Prompt(mask=np.zeros((96, 160), bool)))
    assert mask.presence == -10
    assert not to_bool(mask).any()
    pointer = session._tracks[RED].pointer(0)
    np.testing.assert_array_equal(pointer, engine.constants.no_obj_ptr)


def test_prompted_masks_are_binarised_for_memory_and_tracked_ones_not(
    session: VideoSession, engine: ToyEngine
) -> None:
    hard = []
    remember = engine.remember
    engine.remember = lambda f, m, b, p: hard.append(b.tolist()) or remember(f, m, b, p)  # type: ignore
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 0, Prompt(mask=SCENE.truth("green", 0)))
    run(session.propagate(stop=3))
    assert hard == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_a_removed_correction_leaves_its_mask_until_it_is_run_again(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    first = run(session.propagate())
    session.add_prompt(RED, 10, SCENE.click("blue", 10))
    run(session.propagate())
    session.remove_prompt(RED, 10)
    assert session.stale(RED) == [(10, 40)]
    kept = session.result(10)
    assert kept is not None
    assert not same(kept.masks[RED], first[10].masks[RED])
    third = run(session.propagate())
    assert all(same(first[t].masks[RED], third[t].masks[RED]) for t in range(40))


def test_a_removed_prompt_that_no_run_has_used_leaves_nothing(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(RED, 30, SCENE.click("red", 30))
    session.remove_prompt(RED, 30)
    assert session.result(30) is None
    assert list(session.prompts) == [(RED, 0)]


def test_without_its_last_prompt_an_object_has_no_masks(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate())
    session.remove_prompt(RED, 0)
    assert session.object_ids == [RED]
    assert list(session.results()) == []
    with pytest.raises(PromptError, match="nothing to track"):
        session.propagate()
    session.add_prompt(RED, 3, SCENE.click("red", 3))
    assert [r.index for r in session.propagate(stop=5)] == [3, 4]


def test_objects_come_and_go(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    run(session.propagate(stop=5))
    session.remove_object(RED)
    assert session.object_ids == [GREEN]
    assert all(list(result.masks) == [GREEN] for result in session.results())
    session.clear()
    assert session.object_ids == []
    assert list(session.results()) == []


def test_what_does_not_fit_is_refused_and_changes_nothing(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    run(session.propagate())
    wrong = Prompt(SCENE.click("red", 0).points, np.ones(1, np.int32), mask=SCENE.truth("red", 0))
    for attempt, words in (
        (lambda: session.add_prompt(GREEN, 40, click(1, 1)), "frame 40 does not exist"),
        (lambda: session.add_prompt(GREEN, 3, click(999, 1)), "frame 3, object 2: point 0 at"),
        (lambda: session.add_prompt(GREEN, 3, Prompt()), "empty"),
        (lambda: session.add_prompt(GREEN, 3, wrong), "a mask stands alone"),
        (lambda: session.remove_prompt(RED, 5), "no prompt on frame 5: it has on 0"),
        (lambda: session.remove_prompt(GREEN, 5), "there is no object 2: known objects are 1"),
        (lambda: session.remove_object(GREEN), "no object 2"),
        (lambda: session.stale(GREEN), "no object 2"),
    ):
        with pytest.raises(PromptError, match=words):
            attempt()
    assert session.object_ids == [RED]
    assert session.stale(RED) == []

"""Clicks on one image: encoded once, refined, undone."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from session_helpers import ToyEngine, box_prompt, click, iou, squares
from splitmask.errors import PromptError
from splitmask.session import ImageSession
from splitmask.session.prompts import merge_prompts
from splitmask.types import Mask, Prompt

SCENE = squares(3)
IMAGE = SCENE.frames[0]


@pytest.fixture
def session() -> ImageSession:
    session = ImageSession(ToyEngine())
    session.set_image(IMAGE)
    return session


def calls(session: ImageSession, verb: str) -> int:
    engine = session.engine
    assert isinstance(engine, ToyEngine)
    return engine.count(verb)


def test_predict_gives_one_mask_or_three_readings(session: ImageSession) -> None:
    (single,) = session.predict(SCENE.click("red", 0))
    three = session.predict(SCENE.click("red", 0), multimask=True)
    assert len(three) == 3
    assert iou(single, SCENE.truth("red", 0)) > 0.8
    assert single.size == (96, 160)
    assert [mask.score for mask in three] == pytest.approx([0.7, 0.9, 0.6], abs=0.02)
    assert session.prompt.is_empty  # nothing was said to the session itself


def test_an_unstable_single_mask_gives_way(session: ImageSession) -> None:
    prompt = SCENE.click("red", 0)
    (fine,) = session.predict(prompt)
    three = session.predict(prompt, multimask=True)
    decode = session.engine.decode

    def wavering(*args: object) -> object:
        decoded = decode(*args)  # type: ignore[arg-type]
        decoded.masks[:, 0] *= 0.01  # all within ±0.05 of the cut
        return decoded

    session.engine.decode = wavering  # type: ignore[method-assign, assignment]
    (mask,) = session.predict(prompt)
    np.testing.assert_array_equal(mask.logits, three[1].logits)
    assert mask.score == three[1].score > fine.score


def test_the_image_is_encoded_once(session: ImageSession) -> None:
    for _ in range(4):
        session.add_point(*SCENE.centre("red", 0))
    session.predict(SCENE.click("green", 0))
    assert calls(session, "encode") == 1
    assert calls(session, "decode") == 5


def test_features_encoded_elsewhere_do_as_well(session: ImageSession) -> None:
    other = ImageSession(ToyEngine())
    other.set_features(session.engine.encode(IMAGE), (96, 160))
    ours, theirs = session.predict(click(30, 40)), other.predict(click(30, 40))
    np.testing.assert_array_equal(ours[0].logits, theirs[0].logits)
    assert calls(other, "encode") == 0


def test_a_first_click_offers_three_and_takes_the_best(session: ImageSession) -> None:
    mask = session.add_point(*SCENE.centre("red", 0))
    assert len(session.candidates) == 3
    assert mask is session.candidates[1]
    assert session.choose(2) is session.candidates[2]
    assert session.undo() is mask
    with pytest.raises(PromptError, match="no candidate 3"):
        session.choose(3)


def test_a_second_click_refines_the_mask_so_far(session: ImageSession) -> None:
    first = session.add_point(*SCENE.centre("red", 0))
    second = session.add_point(*SCENE.centre("green", 0))
    assert first is not None
    assert second is not None
    assert len(session.candidates) == 1
    said = merge_prompts(SCENE.click("red", 0), SCENE.click("green", 0))
    (same,) = session.predict(said, refine=first.logits)
    np.testing.assert_array_equal(second.logits, same.logits)
    (anew,) = session.predict(said)
    assert not np.array_equal(second.logits, anew.logits)
    assert session.prompt.points.tolist() == said.points.tolist()


def test_what_is_fed_back_is_clamped(session: ImageSession) -> None:
    fed = []
    decode = session.engine.decode
    session.engine.decode = lambda *a: fed.append(a[3]) or decode(*a)  # type: ignore
    wild = np.linspace(-900, 900, 32 * 32, dtype=np.float32).reshape(32, 32)
    session.predict(click(5, 5), refine=wild)
    np.testing.assert_array_equal(fed[0], np.clip(wild, -32, 32)[None, None])


def test_a_mask_goes_in_as_logits_and_points_refine_it(session: ImageSession) -> None:
    truth = SCENE.truth("red", 0)
    rough = session.set_mask(truth)
    assert rough is not None
    assert iou(rough, truth) > 0.8
    assert len(session.candidates) == 1
    refined = session.add_point(*SCENE.centre("red", 0))
    assert refined is not None
    assert session.prompt.mask is None
    assert len(session.prompt.points) == 1
    both = Prompt(SCENE.click("red", 0).points, np.ones(1, np.int32), mask=truth)
    assert iou(session.predict(both)[0], truth) > 0.8


def test_a_box(session: ImageSession) -> None:
    box = SCENE.boxes["green"][0]
    assert box is not None
    mask = session.add_box(*box)
    assert mask is not None
    assert iou(mask, SCENE.truth("green", 0)) > 0.8
    assert iou(session.predict(box_prompt(box))[0], SCENE.truth("green", 0)) > 0.8


def test_undo_and_redo_decode_nothing(session: ImageSession) -> None:
    seen: list[Mask | None] = [session.mask]
    seen.append(session.add_point(*SCENE.centre("red", 0)))
    seen.append(session.add_point(*SCENE.centre("red", 0)))
    seen.append(session.add_box(0, 0, 90, 90))
    decoded = calls(session, "decode")
    assert [session.undo() for _ in range(4)] == [seen[2], seen[1], None, None]
    assert session.prompt.is_empty
    assert [session.redo() for _ in range(4)] == [seen[1], seen[2], seen[3], seen[3]]
    session.undo()
    other = session.add_point(3, 3, 0)
    assert session.redo() is other  # what was undone is gone once something else is said
    assert calls(session, "decode") == decoded + 1


def test_a_point_is_taken_back(session: ImageSession) -> None:
    first = session.add_point(*SCENE.centre("red", 0))
    session.add_point(*SCENE.centre("green", 0))
    again = session.remove_point(1)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(again.logits, first.logits)  # as if never given
    assert session.remove_point(0) is None
    assert session.prompt.is_empty
    assert session.undo() is again
    with pytest.raises(PromptError, match="no point 5"):
        session.remove_point(5)


def test_a_new_image_forgets(session: ImageSession) -> None:
    session.add_point(*SCENE.centre("red", 0))
    session.set_image(SCENE.frames[2])
    assert session.mask is None
    assert session.undo() is None
    mask = session.add_point(*SCENE.centre("red", 2))
    assert mask is not None
    assert iou(mask, SCENE.truth("red", 2)) > 0.6


def test_what_does_not_fit_changes_nothing(session: ImageSession) -> None:
    mask = session.add_point(*SCENE.centre("red", 0))
    with pytest.raises(PromptError, match="outside the frame"):
        session.add_point(161, 3)
    with pytest.raises(PromptError, match="frame is 96×160"):
        session.set_mask(np.ones((4, 4), bool))
    assert session.mask is mask
    for image in (np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(PromptError, match="give uint8"):
            session.set_image(image)  # type: ignore[arg-type]
    empty = ImageSession(ToyEngine())
    for ask in (lambda: empty.predict(click(1, 1)), lambda: empty.add_point(1, 1)):
        with pytest.raises(PromptError, match="no image yet"):
            ask()


def test_clicks_from_many_threads_are_all_kept(session: ImageSession) -> None:
    threads = [threading.Thread(target=session.add_point, args=(i, i)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(session.prompt.points[:, 0].tolist()) == list(range(20))
    while session.mask is not None:
        session.undo()
    assert session.prompt.is_empty

"""Sessions on the real network, small and with drawn weights: batches, rebuilt memories, half precision."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from compat_official import redraw
from session_helpers import SCENE, box_prompt, click, run
from splitmask.engine.torch import TorchEngine
from splitmask.model import Sam2
from splitmask.presets import TEST_CONV
from splitmask.session import FrameResult, ImageSession, ImageStack, VideoSession
from splitmask.session.track import Track
from splitmask.types import Frame, Prompt

pytestmark = pytest.mark.usefixtures("one_thread")

CLIP = SCENE.frames[:24]


@cache
def engine() -> TorchEngine:
    model = Sam2(TEST_CONV)
    drawn = redraw(model, seed=12)
    statistics = {key: value for key, value in model.state_dict().items() if "running" in key}
    model.load_state_dict(drawn | statistics)
    return TorchEngine(model, "cpu")


def prompts() -> dict[int, Prompt]:
    return {1: click(20, 44), 2: box_prompt((60, 10, 110, 50)), 3: Prompt(mask=SCENE.truth("blue", 0))}


def logits(result: FrameResult, object_id: int) -> np.ndarray:
    return result.masks[object_id].logits


def test_objects_in_a_batch_get_what_each_gets_alone() -> None:
    with VideoSession(engine(), ImageStack(CLIP)) as session:
        for object_id, prompt in prompts().items():
            session.add_prompt(object_id, 0, prompt)
        together = run(session.propagate())
    assert any(mask.presence > 0 for mask in together[23].masks.values())
    for object_id, prompt in prompts().items():
        with VideoSession(engine(), ImageStack(CLIP)) as session:
            session.add_prompt(object_id, 0, prompt)
            alone = run(session.propagate())
        for t in range(24):
            np.testing.assert_allclose(logits(together[t], object_id), logits(alone[t], object_id), atol=1e-3)


def test_a_rebuilt_memory_is_as_good_as_a_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def edited() -> dict[int, FrameResult]:
        with VideoSession(engine(), ImageStack(CLIP)) as session:
            for object_id, prompt in prompts().items():
                session.add_prompt(object_id, 0, prompt)
            run(session.propagate())
            session.add_prompt(3, 9, click(130, 70))
            return run(session.propagate(8))

    rebuilt = edited()
    monkeypatch.setattr(Track, "_trim", lambda *_: None)
    kept = edited()
    for t in range(9, 24):
        ours, theirs = logits(rebuilt[t], 3), logits(kept[t], 3)
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=0.03)
        assert ((ours > 0) == (theirs > 0)).mean() > 0.999


def test_a_stream_gives_each_result_before_the_next_frame_comes() -> None:
    delivered: list[int] = []

    def camera() -> Iterator[Frame]:
        for index, image in enumerate(CLIP):
            delivered.append(index)
            yield Frame(index, image)

    with VideoSession(engine(), ImageStack(CLIP)) as session:
        session.add_prompt(1, 0, click(20, 44))
        expected = run(session.propagate())
    with VideoSession(engine(), camera()) as session:
        session.add_prompt(1, 0, click(20, 44))
        for result in session.propagate():
            assert delivered[-1] <= result.index + 1
            np.testing.assert_allclose(logits(result, 1), logits(expected[result.index], 1), atol=0.05)
    assert delivered == list(range(24))


def test_many_sessions_on_one_model() -> None:
    def tracked() -> dict[int, FrameResult]:
        with VideoSession(engine(), ImageStack(CLIP[:8])) as session:
            for object_id, prompt in prompts().items():
                session.add_prompt(object_id, 0, prompt)
            return run(session.propagate())

    expected = tracked()
    with ThreadPoolExecutor(4) as pool:
        together = [future.result() for future in [pool.submit(tracked) for _ in range(8)]]
    for results in together:
        for t in range(8):
            for object_id in prompts():
                ours, theirs = logits(results[t], object_id), logits(expected[t], object_id)
                np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_an_image_session() -> None:
    session = ImageSession(engine())
    session.set_image(CLIP[0])
    first = session.add_point(*SCENE.centre("red", 0))
    assert first is not None
    assert first.score == max(mask.score for mask in session.candidates)
    second = session.add_point(3, 3, 0)
    assert second is not None
    assert np.isfinite(second.logits).all()
    assert not np.array_equal(first.logits, second.logits)
    assert session.undo() is first

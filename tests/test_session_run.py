"""Runs: memories that are gone, clips of any length, stopping, streams and threads."""

from __future__ import annotations

import queue
import threading
import time
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from session_helpers import (
    GREEN,
    RED,
    SCENE,
    Scene,
    ToyEngine,
    click,
    iou,
    run,
    same,
    squares,
    stream,
    to_bool,
    toy_engine,
    toy_session,
)
from splitmask.errors import PromptError
from splitmask.session import FrameResult, ImageStack, VideoSession
from splitmask.session.track import Track
from splitmask.types import ByteArray, Frame, Mask

engine, session = toy_engine, toy_session


@pytest.mark.parametrize("stride", [1, 3])
def test_a_rebuilt_memory_is_as_good_as_a_kept_one(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A correction far behind the live window, then a run from it, in both directions."""

    def edit_in_the_middle(scene: Scene) -> tuple[Mask, dict[int, FrameResult], int]:
        engine = ToyEngine()
        with VideoSession(engine, ImageStack(scene.frames), stride=stride) as session:
            session.add_prompt(RED, 0, scene.click("red", 0))
            session.add_prompt(GREEN, 0, scene.click("green", 0))
            run(session.propagate())
            before = engine.count("encode")
            mask = session.add_prompt(RED, 14, click(3, 3, label=0))
            encoded = engine.count("encode") - before
            results = run(session.propagate())
            results |= run(session.propagate(reverse=True))
            return mask, results, encoded

    rebuilt = edit_in_the_middle(SCENE)
    monkeypatch.setattr(Track, "_trim", lambda *_: None)
    monkeypatch.setattr("splitmask.session.track.HELD_MEMORIES", 1000)
    kept = edit_in_the_middle(SCENE)
    assert kept[2] == 1
    assert rebuilt[2] > 4  # memories were indeed gone
    assert same(rebuilt[0], kept[0])
    for t in range(40):
        assert same(rebuilt[1][t].masks[RED], kept[1][t].masks[RED]), t
        np.testing.assert_array_equal(to_bool(rebuilt[1][t].masks[RED]), to_bool(kept[1][t].masks[RED]))


def test_objects_share_the_rebuilding_of_memories(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    run(session.propagate())
    engine.calls.clear()
    run(session.propagate(20, 21, redo=True))
    assert [b for verb, b in engine.calls if verb == "remember"] == [2] * 6 + [2]
    assert engine.count("encode") == 7


def test_results_past_the_cap_are_still_there_as_masks() -> None:
    with VideoSession(ToyEngine(), ImageStack(SCENE.frames), store_cap=4000) as session:
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        first = run(session.propagate())
        second = run(session.propagate())
        for t in first:
            np.testing.assert_array_equal(first[t].masks[RED].logits > 0, second[t].masks[RED].logits > 0)


class Endless:
    """A long clip that is never in memory as a whole."""

    def __init__(self, n: int) -> None:
        self.scene, self.n = squares(8), n
        self.height, self.width = 96, 160

    def count(self) -> int:
        return self.n

    def frame(self, index: int) -> Frame:
        return Frame(index, self.scene.frames[abs(index % 14 - 7)], Fraction(index, 25))

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(i) for i in range(start or 0, self.n if stop is None else stop))

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(i) for i in reversed(range(start or 0, self.n if stop is None else stop)))


def test_memory_is_flat_in_the_length_of_the_clip() -> None:
    source = Endless(700)
    with VideoSession(ToyEngine(), source) as session:
        session.add_prompt(RED, 0, source.scene.click("red", 0))
        session.add_prompt(GREEN, 0, source.scene.click("green", 0))
        held = {}
        tracemalloc.start()
        for result in session.propagate():
            session.engine.calls.clear()  # type: ignore[attr-defined]
            if result.index in (100, 699):
                held[result.index] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert (held[699] - held[100]) / 599 < 1000  # bytes a frame; the target is 10 kB
        track = session._tracks[RED]
        assert len(track.memories) <= 7
        assert len(track.pointers) <= 16
        assert result.pts == Fraction(699, 25)


def test_closing_the_run_keeps_what_is_done(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    results = session.propagate()
    for _ in range(6):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert [r.index for r in session.results()] == list(range(6))
    engine.calls.clear()
    assert list(run(session.propagate())) == list(range(40))
    assert engine.count("recall") == 34


def test_stop_from_another_thread(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    seen = []
    for result in session.propagate():
        seen.append(result.index)
        if result.index == 7:
            thread = threading.Thread(target=session.stop)
            thread.start()
            thread.join()
    assert seen == list(range(8))
    assert list(run(session.propagate())) == list(range(40))


def test_another_run_ends_the_one_under_way(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    first = session.propagate()
    next(first)
    second = session.propagate()
    assert next(second).index == 0
    assert list(first) == []
    assert next(second).index == 1


def test_an_interrupt_inside_the_engine_keeps_what_is_done(session: VideoSession, engine: ToyEngine) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    session.add_prompt(GREEN, 0, SCENE.click("green", 0))
    recall, left = engine.recall, [5]

    def interrupted(*args: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return recall(*args)  # type: ignore[arg-type]

    engine.recall = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        run(session.propagate())
    assert [r.index for r in session.results()] == list(range(6))
    engine.recall = recall  # type: ignore[method-assign]
    assert list(run(session.propagate())) == list(range(40))


def test_a_run_ends_when_there_is_nothing_left_to_track(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    seen = []
    for result in session.propagate():
        seen.append(result.index)
        if result.index == 3:
            session.remove_object(RED)
    assert seen == [0, 1, 2, 3]


def test_a_stream_of_unknown_length(engine: ToyEngine) -> None:
    with VideoSession(engine, stream(SCENE)) as session:
        assert session.size == (96, 160)
        assert session.frame(0).index == 0
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        seen = []
        for result in session.propagate():
            seen.append(result.index)
            assert result.pts == Fraction(result.index, 25)
            if result.index == 12:
                session.add_prompt(GREEN, 12, SCENE.click("green", 12))
        assert seen == list(range(40))
        last = session.result(39)
        assert last is not None
        assert list(last.masks) == [RED, GREEN]
        assert iou(last.masks[GREEN], SCENE.truth("green", 39)) > 0.5
        with pytest.raises(PromptError, match="in reverse"):
            run(session.propagate(reverse=True))
        with pytest.raises(PromptError, match="has passed"):
            session.add_prompt(RED, 5, SCENE.click("red", 5))


def test_a_stream_gives_what_the_clip_gives() -> None:
    outcomes = []
    for source in (stream(SCENE), Endless(1)):
        if isinstance(source, Endless):
            source = ImageStack(SCENE.frames)
        with VideoSession(ToyEngine(), source) as session:
            session.add_prompt(RED, 0, SCENE.click("red", 0))
            outcomes.append(run(session.propagate()))
    for t in range(40):
        np.testing.assert_array_equal(outcomes[0][t].masks[RED].logits, outcomes[1][t].masks[RED].logits)


def test_a_stream_may_drop_frames(engine: ToyEngine) -> None:
    frames = [frame for frame in stream(SCENE) if frame.index not in (3, 4, 9)]
    with VideoSession(engine, iter(frames)) as session:
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        assert list(run(session.propagate(stop=12))) == [0, 1, 2, 5, 6, 7, 8, 10, 11]


def test_a_stream_goes_on_where_it_was_stopped(engine: ToyEngine) -> None:
    with VideoSession(engine, stream(SCENE)) as session:
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        assert list(run(session.propagate(max_frames=5))) == [0, 1, 2, 3, 4]
        assert list(run(session.propagate(max_frames=3))) == [4, 5, 6]


def test_a_camera_that_stalls_does_not_hold_up_clicks(engine: ToyEngine) -> None:
    camera: queue.Queue[Frame | None] = queue.Queue()
    for frame in list(stream(SCENE))[:3]:
        camera.put(frame)
    with VideoSession(engine, iter(camera.get, None)) as session:
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        runner = threading.Thread(target=run, args=(session.propagate(),))
        runner.start()
        while session.result(2) is None and runner.is_alive():
            time.sleep(0.01)
        session.add_prompt(GREEN, 2, SCENE.click("green", 2))  # the run waits for frame 3
        assert runner.is_alive()
        session.stop()
        camera.put(None)
        runner.join(timeout=10)
        assert not runner.is_alive()


def test_clicks_while_a_run_is_under_way(session: VideoSession) -> None:
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    errors: list[BaseException] = []

    def clicks() -> None:
        try:
            for t in (30, 20, 35, 5, 10):
                session.add_prompt(GREEN, t, SCENE.click("green", t))
                session.result(t)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=clicks)
    thread.start()
    run(session.propagate())
    thread.join()
    run(session.propagate())
    assert not errors
    assert session.stale(GREEN) == []
    assert all(GREEN in result.masks for result in session.results() if result.index >= 5)


def test_sessions_share_an_engine(engine: ToyEngine, tmp_path: Path) -> None:
    outcomes: dict[str, dict[int, FrameResult]] = {}

    def work(name: str) -> None:
        with VideoSession(engine, ImageStack(SCENE.frames), store=tmp_path) as session:
            session.add_prompt(1, 0, SCENE.click(name, 0))
            outcomes[name] = run(session.propagate())

    threads = [threading.Thread(target=work, args=(name,)) for name in ("red", "green", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not list(tmp_path.iterdir())
    for name in ("green", "blue"):
        assert iou(outcomes[name][39].masks[1], SCENE.truth(name, 39)) > 0.5


def test_features_for_a_click_elsewhere(session: VideoSession, engine: ToyEngine) -> None:
    """What a tab needs to decode a click by itself: the features that `add_prompt` would decode."""
    session.add_prompt(RED, 0, SCENE.click("red", 0))
    assert session.features(RED, 0).image_embed[0, 7, 0, 0] == 1
    run(session.propagate(stop=12))
    assert session.features(RED, 11).image_embed[0, 7, 0, 0] == 0.5


def test_a_single_image_is_a_clip_of_one_frame(engine: ToyEngine) -> None:
    images: list[ByteArray] = SCENE.frames[:1]
    with VideoSession(engine, ImageStack(images)) as session:
        session.add_prompt(RED, 0, SCENE.click("red", 0))
        assert list(run(session.propagate())) == [0]
        assert list(run(session.propagate(reverse=True))) == [0]

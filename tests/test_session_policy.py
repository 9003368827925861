"""The golden vectors in fixtures/policy, which the web's policy reads too, against this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import make_policy_fixtures
from session_helpers import TOY, ToyEngine
from splitmask.engine.base import PolicyConstants
from splitmask.errors import PromptError
from splitmask.session import choice
from splitmask.session.memory_bank import Limits, select
from splitmask.session.prompts import check_prompt, prompt_tokens
from splitmask.session.stale import stale_frames, to_ranges
from splitmask.session.store import ResultStore
from splitmask.session.track import Prompted, Track
from splitmask.types import Decoded, Memory, Prompt

FOLDER = Path(__file__).parent.parent / "fixtures" / "policy"
Case = dict[str, Any]


def load(name: str, part: str = "cases") -> list[Any]:
    cases = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))[part]
    return [pytest.param(case, id=case["name"]) for case in cases]


def spread(ranges: list[list[int]]) -> set[int]:
    return {t for a, b in ranges for t in range(a, b)}


def test_the_files_are_what_the_reference_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_policy_fixtures, "OUT", tmp_path)
    make_policy_fixtures.main()
    made = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}


@pytest.mark.parametrize("case", load("memory"))
def test_memory(case: Case) -> None:
    known = case["limits"]
    limits = Limits(known["numMemories"], known["maxPointers"], known["maxPrompted"], known["stride"])
    tracked = spread(case["tracked"])
    found = select(
        case["frame"], case["reverse"], case["prompted"], tracked.__contains__, case["frames"], limits
    )
    assert [list(each) for each in found.memories] == case["memories"]
    assert [frame for frame, _ in found.pointers] == [frame for frame, _ in case["pointers"]]
    np.testing.assert_allclose(
        [dt for _, dt in found.pointers], [dt for _, dt in case["pointers"]], atol=1e-12
    )


@pytest.mark.parametrize("case", load("choice"))
def test_choice(case: Case) -> None:
    masks = np.array(case["masks"], np.float32)[None]
    pointers = np.repeat(np.arange(4, dtype=np.float32)[None, :, None], 8, axis=2)
    presence = np.array([case["presence"]], np.float32)
    decoded = Decoded(masks, np.array([case["ious"]], np.float32), presence, pointers)
    if case["mode"] == "image":
        assert choice.single_mask(decoded).tolist() == [case["token"]]
        return
    no_object = np.full(8, -1, np.float32)
    (output,) = choice.video_outputs(decoded, choice.is_ambiguous(case["points"]), no_object)
    pointer = -1 if case["pointerToken"] is None else case["pointerToken"]
    assert output.pointer.tolist() == [pointer] * 8
    assert output.score == pytest.approx(case["ious"][case["token"]])
    assert output.presence == case["presence"]
    expected = masks[0, case["token"]] if case["present"] else np.full_like(masks[0, 0], -1024)
    np.testing.assert_array_equal(output.logits, expected)


@pytest.mark.parametrize("case", load("stale"))
def test_stale(case: Case) -> None:
    for direction, reverse in (("forward", False), ("reverse", True)):
        found = stale_frames(case["frame"], reverse, case["prompted"], spread(case["tracked"]))
        assert [list(each) for each in to_ranges(found)] == case[direction]


@pytest.mark.parametrize("case", load("run"))
def test_run(case: Case) -> None:
    store = ResultStore()
    track = Track(1, store)
    output = choice.Output(np.ones((4, 4), np.float32), np.zeros(8, np.float32), 1.0, 1.0)
    for frame in case["prompted"]:
        track.prompted[frame] = Prompted(Prompt(), output, None)
    track.tracked = dict.fromkeys(spread(case["trackedForward"]), False)
    track.tracked |= dict.fromkeys(spread(case["trackedReverse"]), True)
    track.stale = {False: spread(case["staleForward"]), True: spread(case["staleReverse"])}
    worked = []
    for frame in range(case["start"], case["stop"], -1 if case["reverse"] else 1):
        if track.needs_run(frame, case["reverse"], case["redo"], case["leadIn"]):
            track.commit(frame, case["reverse"], output, Memory(None), Limits())
            worked.append(frame)
    store.close()
    assert [list(each) for each in to_ranges(worked)] == case["worked"]
    assert [list(each) for each in to_ranges(track.stale[False])] == case["staleForwardAfter"]
    assert [list(each) for each in to_ranges(track.stale[True])] == case["staleReverseAfter"]


def prompt_of(case: Case) -> Prompt:
    points = np.array([[np.nan if v is None else v for v in point] for point in case["points"]], np.float32)
    box = None if case["box"] is None else np.array(case["box"], np.float32)
    return Prompt(points.reshape(-1, 2), np.array(case["labels"], np.int32), box)


@pytest.mark.parametrize("case", load("prompts", "valid"))
def test_prompt(case: Case) -> None:
    h, w = case["size"]
    prompt = check_prompt(prompt_of(case), (h, w))
    points, labels = prompt_tokens(prompt, (h, w), case["side"])
    np.testing.assert_allclose(points[0], case["pointCoords"], rtol=1e-6, atol=1e-4)
    assert labels[0].tolist() == case["pointLabels"]
    assert points.dtype == labels.dtype == np.float32


@pytest.mark.parametrize("case", load("prompts", "wrong"))
def test_prompt_that_is_refused(case: Case) -> None:
    with pytest.raises(PromptError):
        check_prompt(prompt_of(case), tuple(case["size"]))


@pytest.mark.parametrize("case", load("mask_prompt"))
def test_mask_prompt(case: Case) -> None:
    mask = np.array([[cell == "#" for cell in row] for row in case["mask"]])
    square = choice.square_mask(mask, case["side"])
    assert ["".join(".#"[int(v)] for v in row) for row in square] == case["square"]
    constants = PolicyConstants(
        np.full(8, -1, np.float32), np.array(case["weight"], np.float32), case["bias"]
    )
    fed = choice.pointer_mask_input(square, constants)
    np.testing.assert_allclose(fed[0, 0], case["pointerMaskInput"], atol=1e-4)
    engine = ToyEngine()
    features = engine.encode(np.zeros((TOY.image_size, TOY.image_size, 3), np.uint8))
    decoded = engine.decode(features, np.zeros((1, 1, 2), np.float32), np.full((1, 1), -1, np.float32))
    output = choice.mask_prompt_output(square, decoded, constants.no_obj_ptr)
    np.testing.assert_allclose(output.logits, case["logits"], atol=1e-4)
    assert (output.presence, output.score) == (case["presence"], case["score"])

"""What the browser's engine is held to is what ours does."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from make_web_fixtures import GRAPHS, RESIZE, resize_cases
from splitmask.engine import golden
from splitmask.engine.graphs import read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.engine.preprocess import stretch
from splitmask.presets import TEST_CONV
from web_answers import verbs

CASES = json.loads(RESIZE.read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['width']}x{case['height']}-{case['side']}")
def test_pictures_are_stretched_as_stored(case: dict[str, Any]) -> None:
    def array(name: str, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.frombuffer(base64.b64decode(case[name]), np.uint8).reshape(*shape, 3)

    square = stretch(array("rgb", case["height"], case["width"]), case["side"])
    assert np.abs(square.astype(int) - array("square", case["side"], case["side"])).max() <= 1


def test_the_pictures_are_those_of_the_generator() -> None:
    assert [case["rgb"] for case in CASES] == [case["rgb"] for case in resize_cases()]


def close(ours: Any, stored: Any) -> None:
    """Numbers in whatever holds them."""
    if isinstance(stored, dict):
        for name, value in stored.items():
            close(ours[name], value)
    elif isinstance(stored, list) and isinstance(stored[0], list):
        for a, b in zip(ours, stored, strict=True):
            close(a, b)
    else:
        np.testing.assert_allclose(ours, stored, atol=1e-3 * max(1, np.abs(stored).max()))


def test_the_verbs_answer_as_stored() -> None:
    stored = json.loads((GRAPHS / "verbs.json").read_text("utf-8"))
    engine = OrtEngine(GRAPHS, threads=1)
    assert stored.pop("weightsSha256") == engine.weights_sha256
    close(verbs(engine), stored)


def test_the_model_is_current_and_has_golden_answers() -> None:
    graphs = read_graphs(GRAPHS)
    assert graphs.preset == TEST_CONV
    assert set(golden.read(GRAPHS, graphs)) == set(graphs.graphs)

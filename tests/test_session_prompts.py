"""What a person says, checked and brought into the model's square."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_helpers import box_prompt, click
from splitmask.errors import PromptError
from splitmask.session.prompts import check_prompt, merge_prompts, prompt_tokens, without_point
from splitmask.types import Prompt

SIZE = (60, 100)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (Prompt(), "the prompt is empty"),
        (click(100.5, 3), "point 0 at (100.5, 3) is outside the frame"),
        (click(float("nan"), 3), "outside the frame"),
        (click(3, float("inf")), "outside the frame"),
        (click(3, 3, label=2), "label 0 is 2"),
        (Prompt(np.zeros((2, 2), np.float32), np.ones(1, np.int32)), "2 points but 1 labels"),
        (Prompt(np.zeros((1, 3), np.float32), np.ones(1, np.int32)), "shape (n, 2)"),
        (Prompt(np.array(["a", "b"]), np.ones(1, np.int32)), "pairs of numbers"),  # type: ignore[arg-type]
        (box_prompt((5, 5, 5, 9)), "has no area"),
        (box_prompt((9, 5, 5, 9)), "x0 < x1"),
        (box_prompt((float("nan"), 5, 6, 9)), "has no area"),
        (box_prompt((-9, 5, -1, 9)), "outside the frame"),
        (box_prompt((1, 2, 3)), "four numbers"),
        (Prompt(mask=np.ones((100, 60), bool)), "the mask is 100×60 but the frame is 60×100"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(prompt: Prompt, words: str) -> None:
    with pytest.raises(PromptError) as caught:
        check_prompt(prompt, SIZE, "frame 3, object 7: ")
    message = str(caught.value)
    assert message.startswith("frame 3, object 7: ")
    assert words in message
    assert "\n" not in message


def test_lists_and_other_types_are_taken() -> None:
    loose: Any = Prompt([(3, 4), (5.5, 6)], [1, 0], [0, 1, 50, 60], None)  # type: ignore[arg-type]
    checked = check_prompt(loose, SIZE)
    assert checked.points.dtype == np.float32
    assert checked.labels.dtype == np.int32
    np.testing.assert_array_equal(checked.points, [[3, 4], [5.5, 6]])
    assert checked.box is not None
    assert checked.box.tolist() == [0, 1, 50, 60]


def test_a_mask_of_numbers_becomes_true_and_false() -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[3:9] = 255
    checked = check_prompt(Prompt(mask=mask), SIZE)  # type: ignore[arg-type]
    assert checked.mask is not None
    assert checked.mask.dtype == np.bool_
    assert checked.mask.sum() == 600


@given(
    size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    side=st.sampled_from([64, 512, 1024]),
)
def test_points_keep_their_place_in_the_square(
    size: tuple[int, int], at: tuple[float, float], side: int
) -> None:
    xy = (at[0] * size[1], at[1] * size[0])
    points, labels = prompt_tokens(check_prompt(click(*xy), size), size, side)
    assert points.shape == (1, 1, 2)
    assert labels.tolist() == [[1]]
    np.testing.assert_allclose(points[0, 0], np.array(at) * side, rtol=1e-5, atol=1e-3)


def test_points_gather_and_a_later_box_replaces() -> None:
    first = merge_prompts(box_prompt((0, 0, 9, 9)), click(1, 2))
    both = merge_prompts(first, click(3, 4, label=0))
    assert both.points.tolist() == [[1, 2], [3, 4]]
    assert both.labels.tolist() == [1, 0]
    assert both.box is not None
    assert both.box.tolist() == [0, 0, 9, 9]
    later = merge_prompts(both, box_prompt((1, 1, 5, 5)))
    assert later.box is not None
    assert later.box.tolist() == [1, 1, 5, 5]
    assert len(later.points) == 2


def test_a_mask_stands_alone() -> None:
    mask = Prompt(mask=np.ones(SIZE, bool))
    assert merge_prompts(click(1, 2), mask) is mask
    refined = merge_prompts(mask, click(1, 2))
    assert refined.mask is None
    assert len(refined.points) == 1


def test_one_point_is_taken_back() -> None:
    prompt = merge_prompts(click(1, 2), click(3, 4, label=0))
    left = without_point(prompt, 0)
    assert left.points.tolist() == [[3, 4]]
    assert left.labels.tolist() == [0]
    with pytest.raises(PromptError, match="no point 2"):
        without_point(prompt, 2)

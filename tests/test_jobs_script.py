"""Words and prompts files → objects and their prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splitmask.errors import PromptError, ResultError
from splitmask.jobs.script import Script, understand


def words(line: str) -> list[tuple[str, str]]:
    """`--point 1,2 --object cat` → flag and value, pair by pair."""
    parts = line.split()
    return list(zip(parts[::2], parts[1::2], strict=True))


def summary(script: Script) -> list[tuple[str, int, list[tuple[float, float]], list[int]]]:
    names = {info.id: info.name for info in script.objects}
    return [(names[s.object_id], s.frame, s.points, s.labels) for s in script.said]


def test_without_object_and_frame_there_is_one_object_on_the_first_frame() -> None:
    script = understand(words("--point 10,20 --point 5.5,6,0 --point 7,8,1"), first_frame=12)
    assert summary(script) == [("object 1", 12, [(10, 20), (5.5, 6), (7, 8)], [1, 0, 1])]


def test_object_and_frame_hold_until_the_next() -> None:
    first = words("--object 1 --frame 3 --point 1,1 --object 2 --box 1,2,3,4")
    then = words("--frame 5 --point 2,2 --object 1 --point 3,3")
    script = understand(first + then)
    assert [(s.object_id, s.frame, s.points, s.box) for s in script.said] == [
        (1, 3, [(1, 1)], None),
        (2, 3, [], (1, 2, 3, 4)),
        (2, 5, [(2, 2)], None),
        (1, 5, [(3, 3)], None),
    ]


def test_names_get_numbers_that_nobody_asked_for() -> None:
    script = understand(words("--object cat --point 1,1 --object 1 --point 2,2 --object dog --point 3,3"))
    assert [(info.id, info.name) for info in script.objects] == [(2, "cat"), (1, "object 1"), (3, "dog")]


def test_a_name_means_the_same_object_again() -> None:
    script = understand(words("--object cat --point 1,1 --object dog --point 2,2 --object cat --point 3,3"))
    assert summary(script) == [("cat", 0, [(1, 1), (3, 3)], [1, 1]), ("dog", 0, [(2, 2)], [1])]


def test_objects_get_colours_apart() -> None:
    script = understand(words("--object a --point 1,1 --object b --point 2,2"))
    assert len({info.color for info in script.objects}) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--point 10", "--point 10: expected X,Y"),
        ("--point 10,20,2", "--point 10,20,2: expected X,Y"),
        ("--point 10,x", "--point 10,x: expected X,Y"),
        ("--box 1,2,3", "--box 1,2,3: expected X0,Y0,X1,Y1"),
        ("--frame -1 --point 1,1", "--frame -1: expected a number"),
        ("--point 1,1 --object dog", "--object dog: no prompt follows it"),
        ("--point 1,1 --frame 7", "--frame 7: no prompt follows it"),
    ],
)
def test_what_is_wrong_is_named(line: str, says: str) -> None:
    with pytest.raises(PromptError, match=f"^{says}"):
        understand(words(line))


def test_nothing_said() -> None:
    with pytest.raises(PromptError, match="say what the object is"):
        understand([])


def test_a_mask_file_is_read_for_the_frame_and_points_follow_it(tmp_path: Path) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 1:5] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    script = understand([("--point", "1,1"), ("--mask", str(tmp_path / "mask.png"))])
    first, second = script.said[0].prompts((6, 8))
    assert first.mask is not None
    assert np.array_equal(first.mask, mask > 0)
    assert second.points.tolist() == [[1, 1]]


def test_a_file_of_bare_prompts(tmp_path: Path) -> None:
    prompts = [{"frame": 4, "object": 7, "points": [[1, 2]], "labels": [1], "box": None, "mask": None}]
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"version": 1, "prompts": prompts}))
    script = understand([("--frame", "6"), ("--point", "3,3")], path)
    assert [(info.id, info.name) for info in script.objects] == [(7, "object 7")]
    assert [(said.frame, said.object_id) for said in script.said] == [(4, 7), (6, 7)]
    assert script.said[0].prompts((9, 9))[0].points.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ('{"version": 2, "prompts": []}', "version"),
        ('{"version": 1, "prompts": [{"frame": "x", "object": 1}]}', r"prompts\[0\].frame"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=says):
        understand([], path)


def test_a_file_without_prompts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"version": 1, "prompts": []}')
    with pytest.raises(PromptError, match="holds no prompts"):
        understand([], path)

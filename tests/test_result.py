"""`result.json`: round trips, and errors that name the field."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splitmask.errors import OutputError, ResultError
from splitmask.masks import rle
from splitmask.result import (
    FrameRecord,
    ModelInfo,
    ObjectInfo,
    ObjectMask,
    PromptRecord,
    Result,
    Source,
    from_json,
    load_prompts,
    load_result,
    prompts_from_json,
    save_result,
)
from splitmask.types import Prompt

H, W = 6, 9
codes = arrays(np.bool_, (H, W)).map(rle.encode)
numbers = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(numbers, numbers), max_size=4)
prompts = st.builds(
    lambda frame, object_id, points, data, box, mask: PromptRecord(
        frame, object_id, tuple(points), tuple(data[: len(points)]), box, mask
    ),
    st.integers(0, 99),
    st.sampled_from([1, 2]),
    points,
    st.lists(st.integers(0, 1), min_size=4, max_size=4),
    st.none() | st.tuples(numbers, numbers, numbers, numbers),
    st.none() | codes,
)
object_masks = st.builds(ObjectMask, st.sampled_from([1, 2]), codes, numbers, numbers, st.booleans())
frames = st.builds(
    FrameRecord,
    st.integers(0, 99),
    st.none() | st.integers(0, 2**40),
    st.lists(object_masks, max_size=3).map(tuple),
)
results = st.builds(
    Result,
    st.builds(
        Source,
        st.text(),
        st.text(),
        st.just(W),
        st.just(H),
        st.integers(0, 999),
        st.fractions(min_value=Fraction(1, 10**6), max_value=10, max_denominator=10**6),
        st.sampled_from([0, 90, 180, 270]),
    ),
    st.builds(ModelInfo, st.text(), st.text()),
    st.just((ObjectInfo(1, "dog", "#E69F00"), ObjectInfo(2, "Käfer 🪲", "#56b4e9"))),
    st.lists(prompts, max_size=3).map(tuple),
    st.lists(frames, max_size=3).map(tuple),
    st.booleans(),
)


def example() -> dict[str, Any]:
    """The document as DESIGN has it, written out rather than generated."""
    code = {"size": [H, W], "counts": rle.encode(np.eye(H, W, dtype=bool)).counts}
    document = {
        "format": "splitmask.result",
        "version": 1,
        "source": {
            "name": "dog.mp4",
            "sha256": "ab12",
            "width": W,
            "height": H,
            "frames": 40,
            "timeBase": [1, 15360],
            "rotation": 90,
        },
        "model": {"name": "nano", "weightsSha256": "cd34"},
        "objects": [{"id": 1, "name": "dog", "color": "#E69F00"}],
        "prompts": [
            {"frame": 0, "object": 1, "points": [[4.5, 2.0]], "labels": [1], "box": None, "mask": None},
            {"frame": 9, "object": 1, "points": [], "labels": [], "box": [0.0, 1.0, 5.0, 6.0], "mask": code},
        ],
        "frames": [
            {
                "index": 0,
                "pts": 512,
                "objects": [{"id": 1, "rle": code, "score": 0.9, "presence": 4.25, "prompted": True}],
            },
            {"index": 1, "pts": None, "objects": []},
        ],
        "complete": False,
    }
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # no part is shared


def test_reads_and_writes_the_document_as_specified() -> None:
    result = from_json(example())
    assert result.source.time_base == Fraction(1, 15360)
    assert result.prompts[1].box == (0, 1, 5, 6)
    assert np.array_equal(rle.decode(result.frames[0].objects[0].rle), np.eye(H, W, dtype=bool))
    assert result.to_json() == example()


@settings(max_examples=60)
@given(results)
def test_round_trip(result: Result) -> None:
    assert from_json(json.loads(json.dumps(result.to_json()))) == result


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    result = from_json(example())
    save_result(path, result)
    assert load_result(path) == result
    assert load_prompts(path) == result.prompts
    assert [item.name for item in path.parent.iterdir()] == ["result.json"]


def test_prompts_alone(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(
        '{"version": 1, "prompts": [{"frame": 2, "object": 7, "points": [[3, 4]], "labels": [0]}]}'
    )
    assert load_prompts(path) == (PromptRecord(2, 7, ((3.0, 4.0),), (0,)),)


def test_unknown_fields_are_ignored() -> None:
    document = example()
    document["note"] = document["frames"][0]["objects"][0]["note"] = {"anything": [1]}
    assert from_json(document) == from_json(example())


def edit(path: list[Any], value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        if value is KeyError:
            del document[path[-1]]
        else:
            document[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["format"], "coco", "format: expected 'splitmask.result', found 'coco'"),
        (["format"], KeyError, "format: missing"),
        (["version"], 2, "version: this splitmask reads version 1, found 2"),
        (["version"], "1", 'version: expected an integer, 0 or more, found "1"'),
        (["source", "width"], 0, "source.width: expected an integer, 1 or more, found 0"),
        (["source", "sha256"], KeyError, "source.sha256: missing"),
        (["source", "timeBase"], [1], "source.timeBase: expected a list of 2, found a list"),
        (["source", "timeBase"], [1, 0], "source.timeBase[1]: expected an integer, 1 or more"),
        (["source", "rotation"], 90.5, "source.rotation: expected an integer"),
        (["model"], "nano", 'model: expected an object, found "nano"'),
        (["objects", 0, "color"], "red", 'objects[0].color: expected a colour as #rrggbb, found "red"'),
        (["objects", 0, "id"], True, "objects[0].id: expected an integer, 0 or more, found true"),
        (["prompts", 0, "object"], 3, "prompts[0].object: 3 is not the id of any of the objects"),
        (["prompts", 0, "labels"], [], "prompts[0].labels: 0 labels for 1 points"),
        (["prompts", 0, "labels"], [2], "prompts[0].labels[0]: expected 1 (in) or 0 (out), found 2"),
        (["prompts", 0, "points"], [[1]], "prompts[0].points[0]: expected a list of 2"),
        (["prompts", 0, "points"], [[1, float("nan")]], "prompts[0].points[0][1]: expected a finite number"),
        (["prompts", 0, "points"], [[10**400, 1]], "prompts[0].points[0][0]: expected a finite number"),
        (["prompts", 1, "box", 2], None, "prompts[1].box[2]: expected a number, found null"),
        (["prompts", 1, "mask", "size"], [W, H], "prompts[1].mask.size: [9, 6] is not the source's [6, 9]"),
        (["frames"], {}, "frames: expected a list, found an object"),
        (["frames", 0, "index"], -1, "frames[0].index: expected an integer, 0 or more, found -1"),
        (["frames", 0, "pts"], 0.5, "frames[0].pts: expected an integer or null, found 0.5"),
        (["frames", 0, "objects", 0, "rle", "counts"], "~", "frames[0].objects[0].rle: RLE counts hold '~'"),
        (
            ["frames", 0, "objects", 0, "score"],
            "high",
            'frames[0].objects[0].score: expected a number, found "high"',
        ),
        (["frames", 0, "objects", 0, "prompted"], 1, "frames[0].objects[0].prompted: expected true or false"),
        (["complete"], KeyError, "complete: missing"),
    ],
)
def test_errors_name_the_field(path: list[Any], value: Any, said: str, tmp_path: Path) -> None:
    document = example()
    edit(path, value)(document)
    file = tmp_path / "r.json"
    file.write_text(json.dumps(document))
    with pytest.raises(ResultError) as caught:
        load_result(file)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"null", b"[]", b"3"])
def test_files_that_are_no_result(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    for load in (load_result, load_prompts):
        with pytest.raises(ResultError, match=r"r\.json") as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"cannot read .*none\.json: No such file"):
        load_result(tmp_path / "none.json")


@settings(max_examples=80)
@given(st.data())
def test_any_damage_is_one_line(data: st.DataObject) -> None:
    document = copy.deepcopy(example())
    node: Any = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({})
    )
    try:
        from_json(document)
        prompts_from_json(document)
    except ResultError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right, a traceback is not


def test_prompts_as_sessions_take_them() -> None:
    mask = np.eye(H, W, dtype=bool)
    prompt = Prompt(
        np.array([[1.5, 2], [3, 4]], np.float32),
        np.array([1, 0], np.int32),
        np.array([0, 1, 5, 6], np.float32),
        mask,
    )
    record = PromptRecord.of(3, 1, prompt)
    back = record.to_prompt()
    assert back.points.tolist() == prompt.points.tolist()
    assert back.labels.tolist() == [1, 0]
    assert back.box is not None
    assert back.box.tolist() == [0, 1, 5, 6]
    assert back.mask is not None
    assert np.array_equal(back.mask, mask)
    assert PromptRecord.of(3, 1, Prompt()).to_prompt().is_empty


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    result = from_json(example())
    save_result(path, result)
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_result(path, result)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_result(tmp_path / "file" / "result.json", from_json(example()))

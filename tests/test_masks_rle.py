"""The codec against pycocotools, against one example worked out by hand, and against damage."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pycocotools.mask as coco
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from splitmask.errors import MaskError, SplitmaskError
from splitmask.masks import rle
from splitmask.masks.rle import Rle
from splitmask.types import BoolArray

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[BoolArray, BoolArray]:
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))
    return draw(arrays(np.bool_, shape)), draw(arrays(np.bool_, shape))


def coco_encode(mask: BoolArray) -> dict[str, Any]:
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))  # type: ignore[no-any-return]


def blob(h: int, w: int) -> BoolArray:
    y, x = np.mgrid[:h, :w]
    wobble = 0.25 + 0.03 * np.sin(x / 7)
    return ((x / w - 0.5) / 0.3) ** 2 + ((y / h - 0.5) / wobble) ** 2 < 1


def test_worked_out_by_hand() -> None:
    # Columns of 3: (0 1 1) (1 0 0) (0 0 0) (0 1 0) → runs 1 3 6 1 1; the fourth on as differences to
    # two before: 1 3 6 (1 - 3 = -2) (1 - 6 = -5) → five-bit groups 1 3 6 30 27 → plus 48.
    mask = np.array([[0, 1, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0]], bool)
    encoded = rle.encode(mask)
    assert rle.counts_to_runs(encoded.counts).tolist() == [1, 3, 6, 1, 1]
    assert encoded == Rle((3, 4), "136NK")
    assert rle.bbox(encoded) == (0, 0, 4, 3)
    assert rle.area(encoded) == 4


@given(masks)
def test_matches_pycocotools(mask: BoolArray) -> None:
    ours, theirs = rle.encode(mask), coco_encode(mask)
    assert ours.counts == theirs["counts"].decode()
    assert list(ours.size) == theirs["size"]
    assert np.array_equal(rle.decode(ours), mask)
    assert rle.area(ours) == coco.area(theirs)
    x, y, w, h = coco.toBbox(theirs)
    if mask.any():
        assert rle.bbox(ours) == (x, y, x + w, y + h)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (64, 64), (720, 1280)])
@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full(shape: tuple[int, int], value: bool) -> None:
    mask = np.full(shape, value)
    ours = rle.encode(mask)
    assert ours.counts == coco_encode(mask)["counts"].decode()
    assert np.array_equal(rle.decode(ours), mask)
    assert rle.bbox(ours) == ((0, 0, shape[1], shape[0]) if value else (0, 0, 0, 0))


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=60))
def test_codec_round_trip(runs: list[int]) -> None:
    assert rle.counts_to_runs(rle.runs_to_counts(runs)).tolist() == runs


@given(masks, st.data())
def test_runs_of_length_zero_are_read(mask: BoolArray, data: st.DataObject) -> None:
    runs = rle.counts_to_runs(rle.encode(mask).counts).tolist()
    at = data.draw(st.integers(0, len(runs) - 1))
    split = data.draw(st.integers(0, runs[at]))
    padded = [*runs[:at], split, 0, runs[at] - split, *runs[at + 1 :]]
    loose = Rle(mask.shape, rle.runs_to_counts(padded))
    assert np.array_equal(rle.decode(loose), mask)
    assert rle.bbox(loose) == rle.bbox(rle.encode(mask))
    assert rle.merge([loose]) == rle.encode(mask)


@given(pairs())
def test_merge_and_iou(pair: tuple[BoolArray, BoolArray]) -> None:
    a, b = pair
    ra, rb = rle.encode(a), rle.encode(b)
    assert rle.merge([ra, rb]) == rle.encode(a | b)
    assert rle.merge([ra, rb], "intersect") == rle.encode(a & b)
    if (a | b).any():
        expected = coco.iou([coco_encode(a)], [coco_encode(b)], [0])[0][0]
        assert rle.iou(ra, rb) == pytest.approx(expected)
    else:
        assert rle.iou(ra, rb) == 1.0


def test_merge_refuses_sizes_that_differ() -> None:
    with pytest.raises(MaskError, match="one size"):
        rle.merge([rle.encode(np.ones((2, 3), bool)), rle.encode(np.ones((3, 2), bool))])
    with pytest.raises(MaskError, match="at least one"):
        rle.merge([])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ("", "empty"),
        ("12", "add up to 3 pixels, not the 2x3"),
        ("1 5", "' ' at character 1"),
        ("1é", "not ASCII"),
        ("16p", "'p' at character 2"),
        ("1P", "cut short"),
        ("1" + "P" * 20 + "0", "too long"),
        ("1N5", "run 1 is negative"),
    ],
)
def test_damage_is_named_in_one_line(counts: str, said: str) -> None:
    with pytest.raises(SplitmaskError) as caught:
        rle.decode(Rle((2, 3), counts))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@given(st.text(max_size=30), st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_any_text_decodes_or_is_refused(counts: str, size: tuple[int, int]) -> None:
    try:
        mask = rle.decode(Rle(size, counts))
    except MaskError:
        return
    assert mask.shape == size


def test_encode_refuses_what_is_no_mask() -> None:
    for shape in [(0, 4), (4, 0), (2, 2, 2), (3,)]:
        with pytest.raises(MaskError, match="height, width"):
            rle.encode(np.zeros(shape, bool))
    with pytest.raises(MaskError, match="negative"):
        rle.runs_to_counts([3, -1])


def test_json() -> None:
    encoded = rle.encode(blob(12, 17))
    assert rle.from_json(encoded.to_json()) == encoded
    runs = rle.counts_to_runs(encoded.counts).tolist()
    assert rle.from_json({"size": [12, 17], "counts": runs}) == encoded


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "here: expected an object"),
        ({"size": [2], "counts": "6"}, "here.size: expected"),
        ({"size": [2, True], "counts": "6"}, "here.size: expected"),
        ({"size": [2, 3], "counts": 6}, "here.counts: expected"),
        ({"size": [2, 3], "counts": "5"}, "here: RLE counts add up"),
        ({"size": [2, 3], "counts": []}, "here.counts: expected"),
        ({"size": [2, 3], "counts": [2**70]}, "here.counts: expected"),
        ({"size": [2, 3], "counts": [7, -1]}, "here.counts: expected"),
    ],
)
def test_json_errors_name_the_field(value: Any, said: str) -> None:
    with pytest.raises(MaskError, match=said):
        rle.from_json(value, "here")


@settings(max_examples=20)
@given(masks)
def test_any_memory_layout_and_number_type(mask: BoolArray) -> None:
    encoded = rle.encode(mask)
    assert rle.encode(np.asfortranarray(mask)) == encoded
    assert rle.encode(mask.astype(np.uint8) * 255) == encoded  # type: ignore[arg-type]
    assert rle.encode(mask[::-1][::-1]) == encoded


def test_720p_is_fast() -> None:
    mask = blob(720, 1280)
    encoded = rle.encode(mask)
    assert 1000 < len(rle.counts_to_runs(encoded.counts)) < 4000
    # Measured 0.4 and 0.7 ms; the limits leave room for a busy machine.
    assert best_of(lambda: rle.encode(mask)) < 3e-3
    assert best_of(lambda: rle.decode(encoded)) < 3e-3


def best_of(run: Any, times: int = 15) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best

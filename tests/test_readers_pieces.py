"""The split and the packing of masks."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmask.train.readers import object_mask, objects_in, split
from splitmask.train.readers.pictures import pack


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("davis_train_00012", "held-out"),
        ("davis_train", "held-out"),
        ("davis_dance-jump_00000", "held-out"),
        ("davis_mallard-water", "held-out"),
        ("davis_motorbike_00042", "held-out"),
        ("davis_bear_00000", "train"),
        ("davis_mallard-fly", "train"),
    ],
)
def test_davis_is_split_by_sequence(name: str, expected: str) -> None:
    assert split(name) == expected


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: not name.startswith("davis_")))
def test_the_rest_is_split_by_hash(name: str) -> None:
    held_out = hashlib.sha1(name.encode()).hexdigest()[:2] < "1a"
    assert split(name) == ("held-out" if held_out else "train")


def test_a_tenth_is_held_out() -> None:
    part = sum(split(f"coco_{n:012d}") == "held-out" for n in range(10_000)) / 10_000
    assert part == pytest.approx(26 / 256, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12))
def test_packing_loses_nothing(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        y, x = rng.integers(0, 25, 2)
        mask = np.zeros((30, 30), bool)
        mask[y : y + rng.integers(1, 15), x : x + rng.integers(1, 15)] = True
        masks.append(mask)
    maps = pack(masks)
    found = [object_mask(maps, key) for key in objects_in(maps)]
    assert sorted(mask.tobytes() for mask in masks) == sorted(mask.tobytes() for mask in found)


def test_a_map_holds_250_labels() -> None:
    masks = []
    for at in range(260):
        mask = np.zeros((13, 20), bool)
        mask.flat[at] = True
        masks.append(mask)
    maps = pack(masks)
    assert [int(each.max()) for each in maps] == [250, 10]

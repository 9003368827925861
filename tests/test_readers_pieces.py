"""The split, polygon filling and packing of masks."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from splitmask.train.readers import object_mask, objects_in, split
from splitmask.train.readers.pictures import pack
from splitmask.train.readers.segmentations import fill_polygon


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


def test_rectangle_by_hand() -> None:
    """Pixels whose centre is inside: 1…4 × 2…3 for corners (1, 2) and (5, 4)."""
    expected = np.zeros((6, 8), bool)
    expected[2:4, 1:5] = True
    corners = np.array([[1, 2], [5, 2], [5, 4], [1, 4]], float)
    for turned in (corners, corners[::-1], np.roll(corners, 1, axis=0)):
        np.testing.assert_array_equal(fill_polygon(turned, (6, 8)), expected)


def test_polygon_beyond_the_frame_is_cut() -> None:
    corners = np.array([[-5, -5], [50, -5], [50, 50], [-5, 50]], float)
    assert fill_polygon(corners, (6, 8)).all()
    assert not fill_polygon(corners + 100, (6, 8)).any()


@settings(max_examples=60, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.floats(-5, 45, width=16), st.floats(-5, 35, width=16)), min_size=3, max_size=3
    )
)
def test_triangle_is_the_half_planes(corners: list[tuple[float, float]]) -> None:
    """A pixel is inside a triangle if its centre is on one side of all three edges."""
    triangle = np.array(corners, float)
    y, x = np.mgrid[:30, :40] + 0.5
    sides = [
        (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        for (x0, y0), (x1, y1) in zip(triangle, np.roll(triangle, -1, axis=0), strict=True)
    ]
    inside = np.all([side > 0 for side in sides], axis=0) | np.all([side < 0 for side in sides], axis=0)
    on_edge = np.any([np.abs(side) < 1e-6 * (1 + np.abs(triangle).max()) for side in sides], axis=0)
    filled = fill_polygon(triangle, (30, 40))
    np.testing.assert_array_equal(filled[~on_edge], inside[~on_edge])


def test_even_odd_leaves_a_hole_like_pillow_fills_the_outline() -> None:
    star = np.array([[20 + 18 * np.sin(a), 20 - 18 * np.cos(a)] for a in np.arange(5) * 4 * np.pi / 5])
    filled = fill_polygon(star, (40, 40))
    drawn = Image.new("1", (40, 40))
    ImageDraw.Draw(drawn).polygon([tuple(point) for point in star], fill=1)
    assert not filled[20, 20]
    assert (filled & ~np.asarray(drawn)).sum() <= 0.02 * filled.sum()


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

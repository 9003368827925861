"""Connected regions against scipy.ndimage."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from splitmask.masks.morphology import Connectivity, components, fill_holes, remove_islands
from splitmask.types import BoolArray

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30))
STRUCTURE = {4: ndimage.generate_binary_structure(2, 1), 8: np.ones((3, 3))}


def small(mask: BoolArray, max_area: int) -> BoolArray:
    labels, _ = ndimage.label(mask, STRUCTURE[8])
    areas = np.bincount(labels.ravel())
    out: BoolArray = mask & (areas[labels] <= max_area)
    return out


@given(masks, st.sampled_from([4, 8]))
def test_components(mask: BoolArray, connectivity: Connectivity) -> None:
    labels, areas = components(mask, connectivity)
    expected, count = ndimage.label(mask, STRUCTURE[connectivity])
    assert np.array_equal(labels, expected)  # both number regions in reading order
    assert areas.tolist() == np.bincount(expected.ravel(), minlength=count + 1).tolist()


@given(masks, st.integers(0, 20))
def test_holes_and_islands(mask: BoolArray, max_area: int) -> None:
    assert np.array_equal(fill_holes(mask, max_area), mask | small(~mask, max_area))
    assert np.array_equal(remove_islands(mask, max_area), mask & ~small(mask, max_area))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_a_spiral_and_a_comb(connectivity: Connectivity) -> None:
    """Shapes whose rows meet late: the links take several rounds to resolve."""
    comb = np.ones((200, 201), bool)
    comb[:-1, 1::2] = False
    spiral = np.zeros((101, 101), bool)
    y, x, dy, dx, steps = 50, 50, 0, 1, 2
    while steps < 100:
        for _ in range(2):
            for _ in range(steps):
                spiral[y, x] = True
                y, x = y + dy, x + dx
            dy, dx = dx, -dy
        steps += 2
    for mask in (comb, spiral):
        labels, areas = components(mask, connectivity)
        assert labels.max() == 1
        assert areas.tolist() == [mask.size - mask.sum(), mask.sum()]


def test_random_noise() -> None:
    mask = np.random.default_rng(0).random((300, 400)) < 0.45
    for connectivity in (4, 8):
        expected, _ = ndimage.label(mask, STRUCTURE[connectivity])
        assert np.array_equal(components(mask, connectivity)[0], expected)  # type: ignore[arg-type]


@settings(max_examples=10)
@given(masks)
def test_nothing_to_do_changes_nothing(mask: BoolArray) -> None:
    assert np.array_equal(fill_holes(mask, 0), mask)
    assert np.array_equal(remove_islands(mask, 0), mask)
    assert fill_holes(mask, mask.size).all()
    assert not remove_islands(mask, mask.size).any()


def test_720p_is_fast() -> None:
    y, x = np.mgrid[:720, :1280]
    mask = (np.hypot(y - 360, x - 640) < 300) ^ (np.random.default_rng(0).random((720, 1280)) < 0.002)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        cleaned = remove_islands(fill_holes(mask, 20), 20)
        best = min(best, time.perf_counter() - start)
    assert best < 0.03  # measured 7 ms
    assert components(cleaned)[1].size == 2

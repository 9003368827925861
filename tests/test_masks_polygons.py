"""Outlines and back."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from splitmask.masks.polygons import (
    Polygon,
    Ring,
    join_rings,
    mask_to_polygons,
    polygons_to_mask,
    rings_to_mask,
    simplify,
)
from splitmask.types import BoolArray

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


def blob(h: int = 720, w: int = 1280) -> BoolArray:
    y, x = np.mgrid[:h, :w]
    outer = np.hypot(y - h / 2, (x - w / 2) / 1.4) < h * (0.35 + 0.02 * np.sin(x / 9))
    inside: BoolArray = outer & (np.hypot(y - h / 2, x - w / 3) > h / 9)
    return inside


def signed_area(ring: Ring) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def test_worked_out_by_hand() -> None:
    mask = np.ones((3, 4), bool)
    mask[1, 1] = mask[0, 3] = False
    (polygon,) = mask_to_polygons(mask)
    assert polygon.outer.tolist() == [[0, 0], [3, 0], [3, 1], [4, 1], [4, 3], [0, 3]]
    assert [ring.tolist() for ring in polygon.holes] == [[[1, 2], [2, 2], [2, 1], [1, 1]]]


def test_pixels_that_touch_at_a_corner_are_apart() -> None:
    for mask in (np.eye(2, dtype=bool), np.eye(2, dtype=bool)[::-1]):
        assert [len(polygon.outer) for polygon in mask_to_polygons(mask)] == [4, 4]


@given(masks)
def test_round_trip_is_exact(mask: BoolArray) -> None:
    polygons = mask_to_polygons(mask)
    assert np.array_equal(polygons_to_mask(polygons, mask.shape), mask)


@given(masks)
def test_one_polygon_per_region_and_rings_by_direction(mask: BoolArray) -> None:
    labels, count = ndimage.label(mask)
    polygons = mask_to_polygons(mask)
    assert len(polygons) == count
    for label, polygon in enumerate(polygons, 1):
        region = labels == label
        assert np.array_equal(polygons_to_mask([polygon], mask.shape), region)
        assert signed_area(polygon.outer) > 0
        assert all(signed_area(hole) < 0 for hole in polygon.holes)
        assert sum(signed_area(ring) for ring in polygon.rings) == region.sum()


@given(masks)
def test_joined_rings_give_the_same_mask(mask: BoolArray) -> None:
    rings = [ring for polygon in mask_to_polygons(mask) for ring in polygon.rings]
    if rings:
        joined = join_rings(rings)
        assert np.array_equal(rings_to_mask([joined], mask.shape), mask)
        assert signed_area(joined) == mask.sum()  # non-zero winding gives it too


@settings(max_examples=40)
@given(masks, st.floats(0.1, 4))
def test_simplified_rings_stay_near(mask: BoolArray, tolerance: float) -> None:
    for polygon in mask_to_polygons(mask):
        for ring in polygon.rings:
            fewer = simplify(ring, tolerance)
            assert 3 <= len(fewer) <= len(ring)
            assert {tuple(p) for p in fewer} <= {tuple(p) for p in ring}
            starts, stops = fewer, np.roll(fewer, -1, axis=0)
            for point in ring:
                assert min(map(lambda a, b: to_segment(point, a, b), starts, stops)) <= tolerance + 1e-9


def to_segment(p: Ring, a: Ring, b: Ring) -> float:
    d = b - a
    t = np.clip((p - a) @ d / (d @ d), 0, 1) if d.any() else 0
    return float(np.linalg.norm(p - a - t * d))


def test_simplifying_a_frame_keeps_its_shape() -> None:
    mask = blob()
    exact, loose = mask_to_polygons(mask), mask_to_polygons(mask, 1.0)
    vertices = [sum(len(ring) for polygon in each for ring in polygon.rings) for each in (exact, loose)]
    assert vertices[1] < vertices[0] / 5
    back = polygons_to_mask(loose, mask.shape)
    assert (back & mask).sum() / (back | mask).sum() > 0.99


def test_rasterising_samples_pixel_centres() -> None:
    triangle = np.array([[0, 0], [8, 0], [0, 8]], float)
    expected = np.add.outer(np.arange(10) + 0.5, np.arange(10) + 0.5) < 8
    assert np.array_equal(rings_to_mask([triangle], (10, 10)), expected)


@pytest.mark.parametrize("shift", [(-5, -5), (7, 3), (100, 0), (0, -100)])
def test_what_lies_beyond_the_frame_is_cut_off(shift: tuple[int, int]) -> None:
    square = np.array([[0, 0], [8, 0], [8, 8], [0, 8]], float) + shift
    y, x = np.mgrid[:10, :12]
    expected = (x >= shift[0]) & (x < shift[0] + 8) & (y >= shift[1]) & (y < shift[1] + 8)
    assert np.array_equal(rings_to_mask([square], (10, 12)), expected)


def test_nothing() -> None:
    assert mask_to_polygons(np.zeros((5, 7), bool)) == []
    assert not polygons_to_mask([], (5, 7)).any()
    assert not polygons_to_mask([Polygon(np.array([[1, 1], [4, 1], [2, 1]], float))], (5, 7)).any()


def test_720p_is_fast() -> None:
    mask = blob()
    best = [float("inf")] * 2
    for _ in range(5):
        start = time.perf_counter()
        polygons = mask_to_polygons(mask, 1.0)
        middle = time.perf_counter()
        polygons_to_mask(polygons, mask.shape)
        best = [min(best[0], middle - start), min(best[1], time.perf_counter() - middle)]
    assert best[0] < 0.08  # measured 20 ms
    assert best[1] < 0.03  # measured 4 ms

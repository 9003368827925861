"""The deepest pixel, against scipy's whole distance transform and labelling."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from splitmask.eval.centre import Centre, deepest
from splitmask.types import BoolArray


def region_of(kind: str, h: int, w: int, seed: int) -> BoolArray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(h, w))
    if kind == "speckle":
        return np.asarray(rng.random((h, w)) > 0.7)
    if kind == "blobs":
        return np.asarray(ndimage.gaussian_filter(noise, 3) > 0)
    if kind == "slivers":
        smooth = ndimage.gaussian_filter(noise, 4)
        return np.asarray(np.abs(smooth) < 0.01)
    return np.asarray(noise < 10)  # the whole frame


def check(region: BoolArray, found: Centre) -> None:
    """Nothing is deeper; of what is as deep nothing lies in a larger part."""
    padded = np.pad(region, 1)
    depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    assert found.depth == pytest.approx(depth.max(), abs=1e-9)
    assert depth[found.y, found.x] == pytest.approx(depth.max(), abs=1e-9)
    parts, _ = ndimage.label(region, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    assert found.area == sizes[parts[found.y, found.x]]
    as_deep = np.isclose(depth, depth.max(), atol=1e-9)
    assert found.area == sizes[parts[as_deep]].max()


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(["speckle", "blobs", "slivers", "frame"]),
    h=st.integers(1, 50),
    w=st.integers(1, 50),
    seed=st.integers(0, 10_000),
)
def test_deepest_is_exact(kind: str, h: int, w: int, seed: int) -> None:
    region = region_of(kind, h, w, seed)
    found = deepest(region)
    if found is None:
        assert not region.any()
    else:
        check(region, found)


def test_nothing() -> None:
    assert deepest(np.zeros((5, 5), bool)) is None


def test_square_by_hand() -> None:
    region = np.zeros((20, 30), bool)
    region[4:9, 10:15] = True  # 5×5: the middle is 3 pixels from the outside
    assert deepest(region) == Centre(x=12, y=6, depth=3.0, area=25)


def test_the_middle_of_a_ridge() -> None:
    region = np.zeros((20, 60), bool)
    region[6:11, 10:51] = True  # depth 3 all along row 8
    assert deepest(region) == Centre(x=30, y=8, depth=3.0, area=5 * 41)


def test_of_equally_deep_the_largest_part() -> None:
    region = np.zeros((30, 60), bool)
    region[2:7, 2:7] = True
    region[10:15, 20:45] = True
    found = deepest(region)
    assert found is not None
    assert (found.x, found.y, found.area) == (32, 12, 125)


def test_the_frame_border_is_outside() -> None:
    assert deepest(np.ones((9, 9), bool)) == Centre(x=4, y=4, depth=5.0, area=81)


def diamond(side: int) -> BoolArray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.asarray(np.abs(x) + np.abs(y) < side // 2)


def ring(side: int) -> BoolArray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.asarray(np.abs(np.hypot(x, y) - side / 3) < side / 10)


@pytest.mark.parametrize("kind", ["speckle", "blobs", "slivers", "frame", "diamond", "ring"])
def test_448_is_quick(kind: str) -> None:
    shapes = {"diamond": diamond, "ring": ring}
    region = shapes[kind](448) if kind in shapes else region_of(kind, 448, 448, 1)
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        found = deepest(region)
        best = min(best, time.perf_counter() - start)
    assert found is not None
    check(region, found)
    assert best < 0.1, f"{best * 1000:.1f} ms"

"""J, F and their statistics, against figures worked out by hand and the definition written plainly."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from splitmask.errors import MaskError
from splitmask.eval import metrics
from splitmask.types import BoolArray


def reference_boundary(mask: BoolArray) -> BoolArray:
    """The contour pixel by pixel, with the definition's special cases in the last row and column."""
    h, w = mask.shape
    out = np.zeros((h, w), bool)
    for y in range(h):
        for x in range(w):
            neighbours = [(y, x + 1)] if y == h - 1 else [(y + 1, x)] if x == w - 1 else []
            if y < h - 1 and x < w - 1:
                neighbours = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            out[y, x] = any(yy < h and xx < w and mask[y, x] != mask[yy, xx] for yy, xx in neighbours)
    return out


def reference_f(predicted: BoolArray, truth: BoolArray, tolerance: float) -> float:
    """The benchmark's definition with scipy: binary dilation of whole frames by a digital disk."""
    radius = int(np.ceil(tolerance * np.linalg.norm(truth.shape)))
    grid = np.arange(-radius, radius + 1)
    disk = grid[:, None] ** 2 + grid[None] ** 2 <= radius**2
    ours, theirs = reference_boundary(predicted), reference_boundary(truth)
    n_ours, n_theirs = ours.sum(), theirs.sum()
    if n_ours == 0 or n_theirs == 0:
        return float(n_ours == n_theirs)
    precision = (ours & ndimage.binary_dilation(theirs, disk)).sum() / n_ours
    recall = (theirs & ndimage.binary_dilation(ours, disk)).sum() / n_theirs
    return 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))


def blob(h: int, w: int, seed: int, smooth: float) -> BoolArray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(h, w)), smooth)
    return np.asarray(field > np.quantile(field, 0.6))


def square(size: int, y: int, x: int, side: int) -> BoolArray:
    mask = np.zeros((size, size), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_j_by_hand() -> None:
    a, b = square(20, 2, 2, 4), square(20, 2, 4, 4)  # 16 pixels each, 8 shared
    assert metrics.region_similarity(a, b) == pytest.approx(8 / 24, abs=1e-12)
    empty = np.zeros((20, 20), bool)
    assert metrics.region_similarity(empty, empty) == 1.0
    assert metrics.region_similarity(a, empty) == 0.0


def test_contour_by_hand() -> None:
    mask = np.zeros((5, 6), bool)
    mask[2:4, 2:4] = True
    expected = np.zeros((5, 6), bool)
    expected[1, 1:4] = expected[2, [1, 3]] = expected[3, 1:4] = True
    np.testing.assert_array_equal(metrics.mask_boundary(mask), expected)
    # Pixel (3, 3) differs to the right and below; (2, 2) has only equal neighbours.


def test_contour_at_the_frame_edge_by_hand() -> None:
    mask = np.zeros((4, 4), bool)
    mask[2:, 2:] = True  # reaches the last row and column: no contour along the frame's own edge
    expected = np.zeros((4, 4), bool)
    expected[1, 1] = expected[1, 2] = expected[2, 1] = True
    expected[3, 1] = expected[1, 3] = True
    np.testing.assert_array_equal(metrics.mask_boundary(mask), expected)


def test_f_by_hand() -> None:
    # Diagonal 141.4 px × 0.008 → radius 2. A 20 px square has 20·4 contour pixels; moved right by 3,
    # its left and right sides (but for what the horizontals reach) are out of reach.
    truth, predicted = square(100, 40, 40, 20), square(100, 40, 43, 20)
    n = int(metrics.mask_boundary(truth).sum())
    assert n == 80
    # Contour of the truth: columns 39…59 in rows 39 and 59, rows 39…59 in columns 39 and 59. The other
    # starts at column 42. Truth pixels within 2 px of it: in each horizontal the columns 40…59 (20 of
    # 21); of the left column those at (39 or 59) ± 0 are 3 px away: none; of the right column, 3 px
    # from the other's right side, 2 rows next to each horizontal.
    horizontal = 2 * 20
    right_side = 2 * 2
    match = horizontal + right_side
    assert metrics.boundary_accuracy(predicted, truth) == pytest.approx(match / n, abs=1e-12)


def test_f_of_empty_contours() -> None:
    empty, some = np.zeros((30, 30), bool), square(30, 5, 5, 9)
    assert metrics.boundary_accuracy(empty, empty) == 1.0
    assert metrics.boundary_accuracy(some, empty) == 0.0
    assert metrics.boundary_accuracy(empty, some) == 0.0
    assert metrics.boundary_accuracy(~empty, empty) == 1.0  # a full frame has no contour either


@settings(max_examples=40, deadline=None)
@given(
    h=st.integers(2, 70),
    w=st.integers(2, 70),
    seed=st.integers(0, 10_000),
    smooth=st.floats(0.3, 8),
    tolerance=st.sampled_from([0.008, 0.03, 0.2]),
)
def test_f_is_the_definition(h: int, w: int, seed: int, smooth: float, tolerance: float) -> None:
    predicted, truth = blob(h, w, seed, smooth), blob(h, w, seed + 1, smooth)
    expected = reference_f(predicted, truth, tolerance)
    assert metrics.boundary_accuracy(predicted, truth, tolerance) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(h=st.integers(1, 40), w=st.integers(1, 40), seed=st.integers(0, 999), radius=st.integers(0, 45))
def test_dilate_is_within_the_radius(h: int, w: int, seed: int, radius: int) -> None:
    mask = np.random.default_rng(seed).random((h, w)) > 0.98
    within = ndimage.distance_transform_edt(~mask) <= radius if mask.any() else mask
    np.testing.assert_array_equal(metrics.dilate(mask, radius), within)


def test_statistics_by_hand() -> None:
    # Eight frames: limits 1, 2.75, 4.5, 6.25, 8 → 1, 3, 5, 6, 8 (halves up) → quarters 0…2 and 5…7.
    values = [1.0, 0.8, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3]
    got = metrics.statistics(values)
    assert got.mean == pytest.approx(0.65, abs=1e-12)
    assert got.recall == pytest.approx(5 / 8, abs=1e-12)  # 0.5 itself does not count
    assert got.decay == pytest.approx(0.9 - 0.4, abs=1e-12)


def test_statistics_of_a_clip_longer_than_eight_bits() -> None:
    values = np.linspace(1, 0, 1001)
    assert metrics.statistics(list(values)).decay == pytest.approx(0.75, abs=1e-3)


def test_statistics_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        metrics.statistics([])


def test_scored_frames_leave_out_the_first_and_the_last() -> None:
    assert metrics.scored_frames([8, 0, 4, 12]) == [4, 8]
    assert metrics.scored_frames([0, 4]) == []


def test_object_score() -> None:
    score = metrics.score_object([0.5, 0.7], [0.9, 0.7])
    assert (score.j.mean, score.f.mean, score.jf, score.frames) == pytest.approx((0.6, 0.8, 0.7, 2))


def test_sizes_must_agree() -> None:
    with pytest.raises(MaskError, match="of one size"):
        metrics.region_similarity(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_f_at_480p_is_quick() -> None:
    truth, predicted = blob(480, 854, 1, 40), blob(480, 854, 2, 40)
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        metrics.boundary_accuracy(predicted, truth)
        best = min(best, time.perf_counter() - start)
    assert best < 0.05, f"{best * 1000:.1f} ms"

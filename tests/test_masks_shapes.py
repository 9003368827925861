"""Feather, boxes, stability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from splitmask.errors import MaskError
from splitmask.masks import rle
from splitmask.masks.boxes import box_area, box_iou, box_to_points, mask_to_box, nms
from splitmask.masks.feather import feather
from splitmask.masks.stability import stability_score
from splitmask.types import BoolArray, FloatArray

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30))
corners = st.tuples(*[st.integers(0, 12)] * 4)
boxes = st.lists(corners, min_size=1, max_size=8).map(
    lambda rows: np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in rows], np.float32)
)


def disc(radius: float = 40) -> BoolArray:
    y, x = np.mgrid[:160, :200]
    inside: BoolArray = np.hypot(y - 80, x - 100) < radius
    return inside


@pytest.mark.parametrize("radius", [2, 5.5, 16, 50])
def test_gaussian_feather(radius: float) -> None:
    expected = ndimage.gaussian_filter(disc().astype(np.float64), radius / 2, mode="nearest")
    assert np.abs(feather(disc(), radius) - expected).max() < 0.04


@pytest.mark.parametrize("radius", [1, 4, 12])
def test_box_feather(radius: int) -> None:
    expected = ndimage.uniform_filter(disc().astype(np.float64), 2 * radius + 1, mode="nearest")
    assert np.abs(feather(disc(), radius, "box") - expected).max() < 0.02


def test_feather_of_nothing_and_at_the_border() -> None:
    assert feather(disc(), 0).tolist() == disc().astype(float).tolist()
    half = np.zeros((60, 80), bool)
    half[:, :40] = True
    alpha = feather(half, 20)
    assert alpha.dtype == np.float32
    assert (alpha[:, 0] == 1).all()
    assert (alpha == alpha[0]).all()
    assert alpha[0, 39] + alpha[0, 40] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("radius", [-1, 50.5, float("nan")])
def test_feather_out_of_range(radius: float) -> None:
    with pytest.raises(MaskError, match="0 to 50 pixels"):
        feather(disc(), radius)


@given(masks)
def test_mask_to_box(mask: BoolArray) -> None:
    x0, y0, x1, y1 = mask_to_box(mask).astype(int)
    assert (x0, y0, x1, y1) == rle.bbox(rle.encode(mask))
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    if mask.any():
        assert mask[y0].any()
        assert mask[y1 - 1].any()
        assert mask[:, x0].any()
        assert mask[:, x1 - 1].any()


@given(boxes, boxes)
def test_box_iou_counts_pixels(a: FloatArray, b: FloatArray) -> None:
    def paint(box: FloatArray) -> BoolArray:
        out = np.zeros((12, 12), bool)
        x0, y0, x1, y1 = box.astype(int)
        out[y0:y1, x0:x1] = True
        return out

    iou = box_iou(a, b)
    for i, one in enumerate(a):
        assert box_area(one) == paint(one).sum()
        for j, two in enumerate(b):
            union = (paint(one) | paint(two)).sum()
            expected = (paint(one) & paint(two)).sum() / union if union else 0
            assert iou[i, j] == pytest.approx(expected, abs=1e-6)


@given(boxes, st.data())
def test_nms_keeps_what_no_better_box_covers(these: FloatArray, data: st.DataObject) -> None:
    n = len(these)
    scores = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), np.float32)
    kept = nms(these, scores, 0.5)
    iou = box_iou(these, these)
    rank = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")
    assert (np.diff(rank[kept]) > 0).all()
    for index in range(n):
        covered = any(iou[index, k] > 0.5 and rank[k] < rank[index] for k in kept)
        assert (index in kept) != covered


def test_nms_of_nothing() -> None:
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []


def test_box_to_points() -> None:
    points, labels = box_to_points(np.array([1, 2, 30, 40], np.float32))
    assert points.tolist() == [[1, 2], [30, 40]]
    assert labels.tolist() == [2, 3]


def test_stability_score() -> None:
    logits = np.array([[[-2, -0.5], [0.5, 2]], [[-9, -9], [-9, -9]], [[9, 9], [9, 9]]], np.float32)
    assert stability_score(logits, 1.0).tolist() == pytest.approx([1 / 3, 1, 1])
    assert stability_score(logits[0], 0.1) == pytest.approx(1.0)
    assert stability_score(logits[0], 0.1, threshold=-1).tolist() == pytest.approx(1.0)
    assert stability_score(logits, 1.0).dtype == np.float32

"""Resampling against PyTorch's own."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splitmask.masks.resize import logits_to_mask, mask_to_square, upsample_logits
from splitmask.types import FloatArray

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def torch_resize(values: FloatArray, size: tuple[int, int], antialias: bool = False) -> FloatArray:
    tensor = torch.from_numpy(values)[None, None]
    out = torch.nn.functional.interpolate(tensor, size, mode="bilinear", antialias=antialias)
    return out[0, 0].numpy()  # type: ignore[no-any-return]


def smooth_logits(side: int, seed: int = 0) -> FloatArray:
    coarse = np.random.default_rng(seed).normal(0, 8, (8, 8)).astype(np.float32)
    return torch_resize(coarse, (side, side))


@pytest.mark.parametrize("side", [1, 2, 16, 128, 256])
@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (100, 37), (1, 1), (256, 256)])
def test_upsample_is_that_of_torch(side: int, size: tuple[int, int]) -> None:
    logits = np.random.default_rng(side).normal(0, 4, (side, side)).astype(np.float32)
    assert np.abs(upsample_logits(logits, size) - torch_resize(logits, size)).max() < 1e-5


@settings(max_examples=60)
@given(st.integers(1, 40), sizes, st.integers(0, 99))
def test_upsample_any_size(side: int, size: tuple[int, int], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 4, (side, side)).astype(np.float32)
    assert np.abs(upsample_logits(logits, size) - torch_resize(logits, size)).max() < 1e-5


@settings(max_examples=150)
@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(-40, 40, width=32)
    ),
    sizes,
)
def test_mask_is_the_upsampled_above_zero(logits: FloatArray, size: tuple[int, int]) -> None:
    assert np.array_equal(logits_to_mask(logits, size), upsample_logits(logits, size) > 0)


@pytest.mark.parametrize("seed", range(4))
def test_mask_of_a_frame(seed: int) -> None:
    logits = smooth_logits(256, seed)
    mask = logits_to_mask(logits, (720, 1280))
    assert 0.1 < mask.mean() < 0.9
    assert np.array_equal(mask, upsample_logits(logits, (720, 1280)) > 0)


def test_nothing_inside() -> None:
    assert not logits_to_mask(np.full((64, 64), -3, np.float32), (90, 160)).any()
    assert logits_to_mask(np.full((64, 64), 3, np.float32), (90, 160)).all()


@settings(max_examples=60)
@given(sizes, st.integers(1, 64), st.integers(0, 99))
def test_square_is_antialiased_as_torch(size: tuple[int, int], side: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random(size) < 0.5
    expected = torch_resize(mask.astype(np.float32), (side, side), antialias=True)
    assert np.abs(mask_to_square(mask, side) - expected).max() < 1e-4


@pytest.mark.parametrize("side", [128, 256, 1024])
def test_square_of_a_frame(side: int) -> None:
    mask = smooth_logits(256)[:, :200] > 0
    expected = torch_resize(mask.astype(np.float32), (side, side), antialias=True)
    assert np.abs(mask_to_square(mask, side) - expected).max() < 1e-4
    assert 0 <= mask_to_square(mask, side).min() <= mask_to_square(mask, side).max() <= 1


@pytest.mark.parametrize("side", [128, 256])
def test_720p_is_fast(side: int) -> None:
    logits = np.full((side, side), 1, np.float32)  # the worst case: the window is the frame
    best = float("inf")
    for _ in range(15):
        start = time.perf_counter()
        logits_to_mask(logits, (720, 1280))
        best = min(best, time.perf_counter() - start)
    assert best < 4e-3  # measured 1.7 ms

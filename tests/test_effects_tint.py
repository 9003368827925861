"""Overlay, cutout, erase: what they change, what they leave, and what the outline looks like."""

from __future__ import annotations

import itertools
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splitmask.effects import EFFECTS, PALETTE, Layer, color_of, rgb
from splitmask.effects.base import line_width
from splitmask.effects.isolate import cutout, erase
from splitmask.effects.palette import ink_on
from splitmask.effects.tint import overlay
from splitmask.errors import MaskError
from splitmask.types import BoolArray, ByteArray

RED = (255, 0, 0)


def picture(h: int, w: int, value: int = 100) -> ByteArray:
    return np.full((h, w, 3), value, np.uint8)


def disc(h: int, w: int, radius: float) -> BoolArray:
    y, x = np.mgrid[:h, :w] + 0.5
    inside: BoolArray = np.hypot(y - h / 2, x - w / 2) < radius
    return inside


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("kind", [np.bool_, np.float32])
def test_every_effect(name: str, kind: type) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    before = image.copy()
    mask = disc(60, 80, 20).astype(kind)
    out = EFFECTS[name].apply(image, [Layer(mask, RED), Layer(np.roll(mask, 9, 1), (0, 0, 255))])
    assert out.dtype == np.uint8
    assert out.shape == (60, 80, 4 if EFFECTS[name].has_alpha else 3)
    assert np.array_equal(image, before)
    assert not np.array_equal(out[..., :3], image) or EFFECTS[name].has_alpha


@pytest.mark.parametrize("name", EFFECTS)
def test_no_layers_and_empty_masks(name: str) -> None:
    image = picture(20, 30)
    empty = Layer(np.zeros((20, 30), bool), RED)
    assert np.array_equal(EFFECTS[name].apply(image, []), EFFECTS[name].apply(image, [empty]))


@pytest.mark.parametrize("name", EFFECTS)
def test_input_that_does_not_fit(name: str) -> None:
    with pytest.raises(MaskError, match="does not fit"):
        EFFECTS[name].apply(picture(20, 30), [Layer(np.zeros((30, 20), bool), RED)])
    with pytest.raises(MaskError, match="uint8"):
        EFFECTS[name].apply(picture(20, 30)[..., 0], [])


def test_tint_is_a_mix() -> None:
    out = overlay(picture(40, 40), [Layer(disc(40, 40, 12), RED)], opacity=0.5, line=0)
    assert out[20, 20].tolist() == [177, 50, 50]
    assert out[2, 2].tolist() == [100, 100, 100]


@given(arrays(np.bool_, (23, 31)), st.floats(0, 12))
@settings(max_examples=60)
def test_nothing_changes_far_from_the_mask(mask: BoolArray, line: float) -> None:
    padded = np.pad(mask, 12)
    out = overlay(picture(*padded.shape), [Layer(padded, RED)], line=line)
    near = np.zeros_like(padded)
    for dy, dx in itertools.product(range(-8, 9), repeat=2):
        near |= np.roll(padded, (dy, dx), (0, 1))
    assert (out[~near] == 100).all()


@pytest.mark.parametrize("width", [1.5, 2.5, 4.0, 5.5])
def test_outline_has_its_width_and_place(width: float) -> None:
    mask = np.zeros((60, 60), bool)
    mask[:, 30:] = True
    out = overlay(picture(60, 60, 0), [Layer(mask, RED)], opacity=0, line=width)
    across = out[30, :, 0] / 255
    assert across.sum() == pytest.approx(width, abs=0.02)
    assert (across * (np.arange(60) + 0.5)).sum() / across.sum() == pytest.approx(30, abs=0.02)
    assert (out[0] == out[30]).all()  # and none runs along the frame's border


def test_outline_is_smooth_around_a_disc() -> None:
    """Stairs of the binary edge would show as a width that changes along the way."""
    out = overlay(picture(400, 400, 0), [Layer(disc(400, 400, 150), RED)], opacity=0, line=3)
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    radii = np.arange(140, 160, 0.25)
    x = (200 + np.outer(np.cos(angles), radii)).astype(int)
    y = (200 + np.outer(np.sin(angles), radii)).astype(int)
    profile = out[y, x, 0] / 255
    width = profile.sum(1) * 0.25
    middle = (profile * radii).sum(1) / profile.sum(1)
    assert np.abs(middle - 150).max() < 0.7
    assert width.std() < 0.3


def test_rim_darkens_only_outside() -> None:
    out = overlay(picture(80, 80), [Layer(disc(80, 80, 25), RED)], opacity=0, line=2)
    inside, outside = disc(80, 80, 23), ~disc(80, 80, 30)
    assert (out[inside] == 100).all()
    assert (out[outside] == 100).all()
    assert out[40, :20, 1].min() < 80


@pytest.mark.parametrize("width", [1.6, 2.5, 6.0])
def test_thin_things_keep_a_line(width: float) -> None:
    mask = np.zeros((40, 40), bool)
    mask[20, 5:35] = True
    out = overlay(picture(40, 40, 0), [Layer(mask, RED)], line=width)
    assert out[20, 20, 0] > 240


def test_a_soft_mask_moves_the_line_by_less_than_a_pixel() -> None:
    mask = np.zeros((40, 40), np.float32)
    mask[:, 20:] = 1
    mask[:, 19] = 0.5
    across = overlay(picture(40, 40, 0), [Layer(mask, RED)], opacity=0, line=3)[20, :, 0] / 255.0
    assert (across * (np.arange(40) + 0.5)).sum() / across.sum() == pytest.approx(19.5, abs=0.1)


def test_line_grows_with_the_picture() -> None:
    assert line_width((720, 1280)) == pytest.approx(2.5, abs=0.1)
    assert line_width((2160, 3840)) > 2 * line_width((720, 1280))
    assert line_width((48, 64)) == 1.6


def test_cutout_and_erase() -> None:
    image = np.random.default_rng(1).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    soft = disc(30, 30, 9).astype(np.float32)
    soft[15, 15] = 0.5
    out = cutout(image, [Layer(soft, RED)])
    assert np.array_equal(out[..., :3], image)
    assert out[15, 15, 3] == 128
    assert out[0, 0, 3] == 0
    erased = erase(image, [Layer(soft, RED)], (0, 255, 0))
    assert erased[0, 0].tolist() == [0, 255, 0]
    assert np.array_equal(erased[10, 15], image[10, 15])


# Machado et al. 2009, severity 1, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def oklab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lms = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    out: npt.NDArray[np.float64] = np.cbrt(np.clip(linear, 0, 1) @ lms.T) @ lab.T
    return out


@pytest.mark.parametrize("sight", SIGHTS)
def test_palette_is_told_apart_by_everyone(sight: str) -> None:
    encoded = np.array([rgb(color) for color in PALETTE]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = oklab(linear @ np.array(SIGHTS[sight]).T)
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 0.14


def test_colors_repeat_and_ink_reads() -> None:
    assert color_of(len(PALETTE)) == PALETTE[0]
    assert ink_on((255, 255, 0)) != ink_on((60, 0, 90)) == (255, 255, 255)


def test_720p_is_fast() -> None:
    image, mask = picture(720, 1280), disc(720, 1280, 300)
    best = float("inf")
    for _ in range(9):
        start = time.perf_counter()
        overlay(image, [Layer(mask, RED)])
        best = min(best, time.perf_counter() - start)
    assert best < 15e-3  # measured 5 ms; 12 where the object fills the frame

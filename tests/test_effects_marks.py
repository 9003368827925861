"""Shapes, prompt marks, name chips, contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmask.effects import Layer
from splitmask.effects.marks import labels, prompt_marks
from splitmask.effects.shapes import capsule, disc, rounded_box
from splitmask.effects.sheet import contact_sheet
from splitmask.effects.text import render_text, shorten
from splitmask.errors import MaskError
from splitmask.types import ByteArray, Prompt

WHITE = (255, 255, 255)
RED = (255, 0, 0)


def black(h: int = 90, w: int = 160) -> ByteArray:
    return np.zeros((h, w, 3), np.uint8)


def covered(out: ByteArray) -> float:
    return float(out[..., 0].sum() / 255)


def prompt(points: list[list[float]], labels: list[int], box: list[float] | None = None) -> Prompt:
    return Prompt(
        np.array(points, np.float32).reshape(-1, 2),
        np.array(labels, np.int32),
        None if box is None else np.array(box, np.float32),
    )


@given(st.floats(20, 60), st.floats(20, 60), st.floats(4, 15))
def test_disc_covers_its_area(x: float, y: float, radius: float) -> None:
    out = black()
    disc(out, (x, y), radius, WHITE)
    assert covered(out) == pytest.approx(np.pi * radius**2, rel=0.03)
    ys, xs = np.mgrid[:90, :160] + 0.5
    weight = out[..., 0] / out[..., 0].sum()
    assert (weight * xs).sum() == pytest.approx(x, abs=0.1)
    assert (weight * ys).sum() == pytest.approx(y, abs=0.1)


def test_capsule_and_box_cover_their_areas() -> None:
    out = black()
    capsule(out, (30, 20), (110, 70), 3, WHITE)
    assert covered(out) == pytest.approx(2 * 3 * np.hypot(80, 50) + np.pi * 9, rel=0.02)
    out = black()
    rounded_box(out, (20.5, 10, 100, 60), 8, WHITE)
    assert covered(out) == pytest.approx(79.5 * 50 - (4 - np.pi) * 64, rel=0.01)
    out = black()
    rounded_box(out, (20, 10, 100, 60), 0, WHITE, alpha=0.5)
    assert out[30, 50].tolist() == [127, 127, 127]
    assert covered(out) == pytest.approx(80 * 50 * 127 / 255, rel=0.01)


@settings(max_examples=60)
@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(0.1, 50))
def test_shapes_are_cut_at_the_frame(x: float, y: float, radius: float) -> None:
    out, large = black(30, 40), black(1000, 1000)
    disc(out, (x, y), radius, WHITE)
    disc(large, (x + 480, y + 480), radius, WHITE)
    # Half precision of float32 coordinates apart, the same picture.
    assert np.abs(out.astype(int) - large[480:510, 480:520]).max() <= 2


def test_points_inside_and_outside_differ_without_color() -> None:
    inside = prompt_marks(black() + 120, prompt([[80, 45]], [1]), RED)
    outside = prompt_marks(black() + 120, prompt([[80, 45]], [0]), RED)
    assert inside[42, 80].tolist() != outside[42, 80].tolist()  # the plus's upright
    assert inside[45, 83].tolist() != outside[45, 83].tolist()
    assert (inside[:20] == 120).all()


@pytest.mark.parametrize("at", [(0, 0), (159.5, 89.5), (-30, 40), (500, 500)])
def test_points_anywhere(at: tuple[float, float]) -> None:
    out = prompt_marks(black(), prompt([list(at)], [1]), RED)
    assert (out.any()) == (0 <= at[0] <= 160)


def test_box_is_dashed_with_whole_corners() -> None:
    out = prompt_marks(black(720, 1280), prompt([], [], [200, 100, 900, 600]), RED)
    assert np.flatnonzero(out[..., 0].any(axis=1))[[0, -1]].tolist() == pytest.approx([99, 600], abs=1)
    for x, y in [(200, 100), (899, 100), (899, 599), (200, 599)]:
        assert out[y, x, 0] > 200
    top = out[100, 200:900, 0] > 128
    dashes = np.count_nonzero(np.diff(top)) / 2
    assert 45 < dashes < 65
    assert 0.4 < top.mean() < 0.8
    assert not out[110:590, 210:890].any()


def test_marks_grow_with_the_picture() -> None:
    small = prompt_marks(black(360, 640), prompt([[300, 200]], [0]), WHITE)
    large = prompt_marks(black(1440, 2560), prompt([[1200, 800]], [0]), WHITE)
    assert covered(large) > 4 * covered(small)


def disc_mask(x: int, y: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    ys, xs = np.mgrid[:720, :1280]
    inside: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = np.hypot(ys - y, xs - x) < 60
    return inside


def box_of(changed: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(changed)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def test_chip_sits_above_its_object() -> None:
    out = labels(black(720, 1280), [Layer(disc_mask(640, 360), RED, "dog")])
    x0, y0, x1, y1 = box_of((out == RED).all(axis=2))
    assert (x0 + x1) / 2 == pytest.approx(640, abs=2)
    assert 280 < y1 < 300
    assert 12 < y1 - y0 < 40


@pytest.mark.parametrize(("x", "y"), [(5, 5), (1275, 5), (5, 715), (1275, 715)])
def test_chip_stays_in_the_frame(x: int, y: int) -> None:
    alone = labels(black(720, 1280), [Layer(disc_mask(640, 360), RED, "a dog")])
    corner = labels(black(720, 1280), [Layer(disc_mask(x, y), RED, "a dog")])
    assert np.count_nonzero((corner == RED).all(axis=2)) == np.count_nonzero((alone == RED).all(axis=2))


def test_chips_avoid_each_other() -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    layers = [Layer(disc_mask(640 + 5 * place, 360), color, "same") for place, color in enumerate(colors)]
    out = labels(black(720, 1280), layers)
    rows = [np.flatnonzero((out == color).all(axis=2).any(axis=1)) for color in colors]
    assert rows[0][-1] < rows[1][0] < rows[1][-1] < rows[2][0]


def test_no_label_no_chip() -> None:
    empty = np.zeros((720, 1280), bool)
    out = labels(black(720, 1280), [Layer(disc_mask(640, 360), RED), Layer(empty, RED, "gone")])
    assert not out.any()


@pytest.mark.parametrize("text", ["dog", "Käfer", "крупа", "袋", " ", "a\tb"])
def test_any_text_is_drawn(text: str) -> None:
    drawn = render_text(text, 16)
    assert drawn.shape[0] == render_text("x" if text.isascii() else "ä", 16).shape[0]
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert drawn.any() or text == " "


def test_shorten() -> None:
    assert shorten("dog", 14, 200) == "dog"
    cut = shorten("a very long name indeed", 14, 80)
    assert cut.endswith("…")
    assert render_text(cut, 14).shape[1] <= 80


def test_contact_sheet() -> None:
    pictures = [np.full((90, 160, 3), 50 * n, np.uint8) for n in range(1, 6)]
    sheet = contact_sheet(pictures, 2, cell_width=160)
    gap = 5
    assert sheet.shape == (3 * (90 + gap) + gap, 2 * (160 + gap) + gap, 3)
    for n in range(5):
        y, x = gap + n // 2 * (90 + gap), gap + n % 2 * (160 + gap)
        assert (sheet[y + 5 : y + 85, x + 5 : x + 155] == 50 * (n + 1)).all()
    captioned = contact_sheet(pictures, 2, list("abcde"), cell_width=160)
    assert captioned.shape[0] > sheet.shape[0]
    assert (contact_sheet(pictures[:1], 9, cell_width=160)).shape[1] == 160 + 2 * gap


def test_contact_sheet_fits_other_shapes_in() -> None:
    tall = np.full((300, 100, 3), 200, np.uint8)
    sheet = contact_sheet([black(), tall], 2, cell_width=160)
    x0, y0, x1, y1 = box_of((sheet == 200).all(axis=2))
    assert (y0, y1) == (5, 95)
    assert x1 - x0 == 30


@pytest.mark.parametrize(("count", "columns", "captions"), [(0, 2, []), (2, 0, []), (2, 2, ["one"])])
def test_contact_sheet_refuses(count: int, columns: int, captions: list[str]) -> None:
    with pytest.raises(MaskError, match="contact sheet"):
        contact_sheet([black()] * count, columns, captions)

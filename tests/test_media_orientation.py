import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from splitmask.media.orientation import UPRIGHT, Orientation, from_display_matrix, from_exif

ONE = 1 << 16
PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)

orientations = st.builds(Orientation, st.booleans(), st.booleans(), st.booleans())


@pytest.mark.parametrize("value", range(1, 9))
def test_turns_as_pillow_does(value: int) -> None:
    image = Image.fromarray(PICTURE)
    image.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(from_exif(value).upright(PICTURE), expected)


@pytest.mark.parametrize("value", [0, 9, "6", None, b"\x06"])
def test_unknown_exif_values_are_upright(value: object) -> None:
    assert from_exif(value) == UPRIGHT


@given(orientations)
def test_size_is_what_upright_gives(orientation: Orientation) -> None:
    turned = orientation.upright(PICTURE)
    assert turned.shape[:2] == orientation.upright_size((2, 3))
    assert turned.flags.c_contiguous


@pytest.mark.parametrize(
    ("matrix", "quarter_turns", "rotation"),
    [
        ([ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30], 0, 0),
        ([0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30], 1, 90),
        ([-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30], 2, 180),
        ([0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30], 3, 270),
    ],
)
def test_display_matrices_turn_clockwise(matrix: list[int], quarter_turns: int, rotation: int) -> None:
    orientation = from_display_matrix(matrix)
    assert orientation is not None
    assert orientation.rotation == rotation
    np.testing.assert_array_equal(orientation.upright(PICTURE), np.rot90(PICTURE, -quarter_turns))


@given(orientations)
def test_a_display_matrix_moves_pixels_where_it_says(orientation: Orientation) -> None:
    x = -ONE if orientation.flip_x else ONE
    y = -ONE if orientation.flip_y else ONE
    matrix = [0, y, 0, x, 0, 0] if orientation.transpose else [x, 0, 0, 0, y, 0]
    assert from_display_matrix([*matrix, 0, 0, 1 << 30]) == orientation
    a, b, _, c, d, _ = np.sign(matrix)
    rows, columns = np.indices((2, 3))
    across, down = columns * a + rows * c, columns * b + rows * d  # x' and y', less a shift
    turned = orientation.upright(PICTURE)
    moved = turned[down - down.min(), across - across.min()]
    np.testing.assert_array_equal(moved, PICTURE)


@pytest.mark.parametrize("matrix", [[46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30], [0] * 9])
def test_other_matrices_are_not_guessed_at(matrix: list[int]) -> None:
    assert from_display_matrix(matrix) is None


@given(orientations)
def test_rotation_then_mirroring_gives_the_orientation(orientation: Orientation) -> None:
    turned = np.rot90(PICTURE, -orientation.rotation // 90)
    upright = orientation.upright(PICTURE)
    assert np.array_equal(upright, turned) or np.array_equal(upright, turned[:, ::-1])

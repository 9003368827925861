"""Numbers in and out of embedding.bin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from splitmask.bundle.tensors import ALIGNMENT, TensorEntry, check_apart, entry_from_json, pack, unpack
from splitmask.errors import BundleError, ResultError
from splitmask.jsonfield import Field

SHAPES = arrays.array_shapes(min_dims=2, max_dims=4, max_side=5)
NUMBERS = st.floats(-60000, 60000, width=32)
TENSORS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=NUMBERS))


def steps(array: np.ndarray) -> np.ndarray:
    """Half the distance of neighbouring int8 values, by channel."""
    axes = tuple(axis for axis in range(array.ndim) if axis != 1)
    return np.abs(array).max(axes, keepdims=True) / 127 / 2


@settings(deadline=None, max_examples=60)
@given(st.lists(TENSORS, min_size=1, max_size=4), st.sampled_from(["float32", "float16", "int8"]))
def test_what_is_packed_comes_back(tensors: list[np.ndarray], dtype: str) -> None:
    named = {f"t{at}": (array, dtype) for at, array in enumerate(tensors)}
    data, entries = pack(named)
    check_apart(entries)
    for name, (array, _) in named.items():
        read = entry_from_json(Field(entries[name].to_json(), name))
        assert read == entries[name]
        assert read.offset % ALIGNMENT == 0
        back = unpack(name, read, data)
        if dtype == "int8":
            assert (np.abs(back - array) <= steps(array) * 1.001 + 1e-30).all()
        else:
            assert np.array_equal(back, array.astype(dtype).astype(np.float32))


def test_a_channel_of_zeros_stays_zero_in_int8() -> None:
    array = np.zeros((1, 3, 2, 2), np.float32)
    array[0, 1] = 5
    data, entries = pack({"x": (array, "int8")})
    assert np.array_equal(unpack("x", entries["x"], data), array)
    assert entries["x"].scale == (1.0, float(str(np.float32(5 / 127))), 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_what_is_not_finite_is_not_written(value: float, dtype: str) -> None:
    with pytest.raises(BundleError, match="x holds NaN or infinity"):
        pack({"x": (np.full((1, 1), value, np.float32), dtype)})


def test_what_float16_cannot_say_is_not_written() -> None:
    with pytest.raises(BundleError, match="choose float32"):
        pack({"x": (np.full((1, 1), 70000, np.float32), "float16")})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dtype": "float64"}, r"x\.dtype: expected one of float32, float16, int8, found \"float64\""),
        ({"shape": [1, -4]}, r"x\.shape\[1\]: expected an integer, 1 or more, found -4"),
        ({"shape": "big"}, r"x\.shape: expected a list"),
        ({"shape": [2**20, 2**20]}, "within 1073741824 bytes"),
        ({"offset": 2**62}, "within 1073741824 bytes"),
        ({"offset": -64}, r"x\.offset: expected an integer, 0 or more"),
        ({"bytes": 31}, r"x\.bytes: expected 32, as its shape and dtype have it"),
        ({"dtype": "int8"}, r"x\.scale: missing"),
        ({"dtype": "int8", "bytes": 16, "scale": [1.0]}, r"x\.scale: expected a list of 4"),
        ({"dtype": "int8", "bytes": 16, "scale": [1, 1, 0, 1]}, r"x\.scale\[2\]: expected a number above 0"),
        ({"dtype": "int8", "bytes": 16, "scale": [1, 1, 1e39, 1]}, r"x\.scale\[2\]: expected a number above"),
        ({"dtype": "int8", "shape": [16], "bytes": 16}, "two axes or more"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, object], says: str) -> None:
    entry = {"dtype": "float16", "shape": [4, 4], "offset": 0, "bytes": 32, "sha256": None}
    entry_from_json(Field(entry, "x"))
    with pytest.raises(ResultError, match=says):
        entry_from_json(Field(entry | change, "x"))


def test_numbers_that_no_model_makes_are_not_written_or_read() -> None:
    huge = np.full((1, 1), 1e30, np.float32)
    with pytest.raises(BundleError, match="x holds numbers beyond 1000000"):
        pack({"x": (huge, "float32")})
    entry = TensorEntry("float32", (1, 1), 0)
    assert unpack("x", entry, np.float32(1e6).tobytes()) == 1e6
    with pytest.raises(BundleError, match="x holds numbers beyond 1000000"):
        unpack("x", entry, huge.tobytes())
    scaled = TensorEntry("int8", (1, 1), 0, scale=(9e5,))
    with pytest.raises(BundleError, match="x holds numbers beyond 1000000"):
        unpack("x", scaled, b"\x7f")

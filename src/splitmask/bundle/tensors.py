"""Arrays ↔ the flat bytes of `embedding.bin`: little-endian, each tensor at a multiple of 64 bytes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from splitmask.errors import BundleError
from splitmask.jsonfield import Field
from splitmask.types import FloatArray

Dtype = Literal["float32", "float16", "int8"]
DTYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int8": np.dtype("i1"),
}
ALIGNMENT = 64  # bytes; what a reader in any language may map as numbers without copying
LARGEST = 1 << 30  # bytes of embedding.bin: over a hundred times a bundle of SAM 2.1
_STEPS = 127  # an int8 channel runs from −127 to 127 times its scale

_LARGEST_NUMBER = 1e6  # far beyond what any model makes, and small enough for any arithmetic


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """What the manifest says of a tensor. scale: of int8, one number a channel (the second axis)."""

    dtype: Dtype
    shape: tuple[int, ...]
    offset: int  # bytes from the start of embedding.bin
    sha256: str | None = None  # of its bytes
    scale: tuple[float, ...] | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize

    @property
    def end(self) -> int:
        return self.offset + self.size

    def to_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "offset": self.offset,
            "bytes": self.size,
            "sha256": self.sha256,
        }
        return entry if self.scale is None else entry | {"scale": list(self.scale)}


def entry_from_json(field: Field) -> TensorEntry:
    """Raises ResultError that names the field. Only shape and offset have to be there: float16 then."""
    dtype = field.get("dtype", "float16")
    if dtype.text() not in DTYPES:
        raise dtype.fail(f"one of {', '.join(DTYPES)}")
    shape = tuple(item.integer(1) for item in field["shape"].items())
    sha256, scale = field.get("sha256", None), None
    if dtype.value == "int8":
        if len(shape) < 2:
            raise field["shape"].fail("two axes or more of an int8 tensor")
        scale = tuple(_scale(item) for item in field["scale"].items(shape[1]))
    entry = TensorEntry(
        cast(Dtype, dtype.value),
        shape,
        field["offset"].integer(),
        None if sha256.value is None else sha256.text(),
        scale,
    )
    if entry.end > LARGEST:
        raise field.fail(f"a tensor that ends within {LARGEST} bytes")
    if field.get("bytes", entry.size).integer() != entry.size:
        raise field["bytes"].fail(f"{entry.size}, as its shape and dtype have it")
    return entry


def check_apart(entries: Mapping[str, TensorEntry]) -> None:
    """Raises BundleError where two tensors share bytes. That one is not aligned does no harm here."""
    ordered = sorted(entries.items(), key=lambda item: item[1].offset)
    for (name, entry), (other, following) in pairwise(ordered):
        if following.offset < entry.end:
            raise BundleError(f"the tensors {name} and {other} overlap; encode the picture again")


def pack(arrays: Mapping[str, tuple[FloatArray, Dtype]]) -> tuple[bytes, dict[str, TensorEntry]]:
    """Tensors and how to store each → embedding.bin and its table, in the same order.

    Raises BundleError for numbers that are not finite, or beyond what float16 holds.
    """
    out, entries = bytearray(), dict[str, TensorEntry]()
    for name, (array, dtype) in arrays.items():
        out += bytes(-len(out) % ALIGNMENT)
        stored, scale = _stored(name, array, dtype)
        data = stored.tobytes()
        digest = hashlib.sha256(data).hexdigest()
        entries[name] = TensorEntry(dtype, array.shape, len(out), digest, scale)
        out += data
    return bytes(out), entries


def unpack(name: str, entry: TensorEntry, data: bytes) -> FloatArray:
    """One tensor of embedding.bin as float32, in memory of its own.

    Raises BundleError where the file ends too early, its bytes are others than when it was written, or
    a number is not finite, or huge.
    """
    piece = memoryview(data)[entry.offset : entry.end]
    if len(piece) < entry.size:
        raise BundleError(
            f"embedding.bin has {len(data)} bytes but {name} ends at {entry.end}: "
            "it is cut off, or the manifest is another picture's; copy the bundle again"
        )
    if entry.sha256 is not None and hashlib.sha256(piece).hexdigest() != entry.sha256.lower():
        raise BundleError(f"{name} is damaged (its sha256 is another); copy the bundle again")
    array: FloatArray = np.frombuffer(piece, DTYPES[entry.dtype]).reshape(entry.shape).astype(np.float32)
    if entry.scale is not None:
        array *= _by_channel(np.array(entry.scale, np.float32), array.ndim)
    if not np.isfinite(array).all():
        raise BundleError(f"{name} holds NaN or infinity; encode the picture again")
    if np.abs(array).max() > _LARGEST_NUMBER:
        raise BundleError(f"{name} holds numbers beyond {_LARGEST_NUMBER:.0f}; encode the picture again")
    return array


def _stored(name: str, array: FloatArray, dtype: Dtype) -> tuple[npt.NDArray[Any], tuple[float, ...] | None]:
    if not np.isfinite(array).all():
        raise BundleError(f"{name} holds NaN or infinity: the model cannot make a bundle of this picture")
    if np.abs(array).max() > _LARGEST_NUMBER:
        raise BundleError(f"{name} holds numbers beyond {_LARGEST_NUMBER:.0f}: no model makes such features")
    if dtype == "int8":
        return _quantised(array)
    if dtype == "float16" and np.abs(array).max() > np.finfo(np.float16).max:
        raise BundleError(f"{name} holds numbers beyond what float16 can say: choose float32")
    return array.astype(DTYPES[dtype]), None


def _quantised(array: FloatArray) -> tuple[npt.NDArray[Any], tuple[float, ...]]:
    """Symmetric: 0 stays 0, and a channel's largest number is 127 times its scale."""
    axes = tuple(axis for axis in range(array.ndim) if axis != 1)
    scale = (np.abs(array).max(axes) / np.float32(_STEPS)).astype(np.float32)
    scale = np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale)
    steps = np.rint(array / _by_channel(scale, array.ndim))
    decimals = tuple(float(str(x)) for x in scale)  # the shortest that are these float32 numbers again
    return np.clip(steps, -_STEPS, _STEPS).astype(np.int8), decimals


def _by_channel(scale: FloatArray, ndim: int) -> FloatArray:
    return scale.reshape(1, -1, *(1,) * (ndim - 2))


def _scale(field: Field) -> float:
    if not 0 < field.number() < _LARGEST_NUMBER:
        raise field.fail("a number above 0, and no huge one")
    return field.number()

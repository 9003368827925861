"""The numbers of what a graph makes of its parameters alone, worked out while it is written.

In float64, so that rounding to integers does not depend on the order in which a processor adds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Made:
    kind: str
    inputs: Sequence[str]
    attributes: Mapping[str, Any]


def _reshaped(x: Array, shape: Array) -> Array:
    kept = [x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape)]
    return x.reshape(kept)


_KINDS: Mapping[str, Callable[..., Array]] = {
    "Add": lambda a, b: a + b,
    "Cast": lambda a, to: a,
    "Concat": lambda *each, axis: np.concatenate(each, axis=axis),
    "MatMul": lambda a, b: a @ b,
    "Mul": lambda a, b: a * b,
    "Reshape": _reshaped,
    "Sub": lambda a, b: a - b,
    "Transpose": lambda a, perm: a.transpose(perm),
    "Unsqueeze": lambda a, axes: np.expand_dims(a, tuple(int(axis) for axis in axes)),
}


class Folded:
    """Which values are constant, and their numbers when asked for."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._made: dict[str, _Made] = {}

    def given(self, name: str, array: Array) -> None:
        self._arrays[name] = array

    def add(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> None:
        if self.knows(inputs):
            self._made.update((name, _Made(kind, inputs, attributes)) for name in outputs)

    def knows(self, names: Sequence[str]) -> bool:
        """Whether all of them are constant; a name left out is."""
        return all(not name or name in self._arrays or name in self._made for name in names)

    def is_integer(self, name: str) -> bool:
        return name in self._arrays and self._arrays[name].dtype.kind in "iu"

    def array(self, name: str) -> Array | None:
        """None for what is not constant, or made by an operator that is not among those known here."""
        if name in self._arrays:
            found = self._arrays[name]
            return found if found.dtype.kind in "iu" else found.astype(np.float64)
        made = self._made.get(name)
        if made is None or made.kind not in _KINDS:
            return None
        inputs = [self.array(each) for each in made.inputs]
        if any(each is None for each in inputs):
            return None
        return _KINDS[made.kind](*inputs, **made.attributes)

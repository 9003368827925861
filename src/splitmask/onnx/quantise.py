"""Products with parameters in whole numbers of 8 bits.

Parameters: signed, one scale for each output. What they are multiplied with: unsigned, with a scale and a
zero. For matrices both are found anew at every run, from the numbers themselves; for convolutions they are
found once, on pictures, for there a chain of them can then stay in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

if TYPE_CHECKING:
    from splitmask.onnx.builder import Graph, Value

Array = npt.NDArray[Any]
LEVELS = 127.0


@dataclass(frozen=True, slots=True)
class Quantised:
    """Bytes and what they stand for: (data − zero) · scale."""

    data: Value
    scale: Value
    zero: Value


def rounded(weight: Array, axis: int | tuple[int, ...]) -> tuple[Array, Array]:
    """Signed bytes and scales, one for what remains of `weight` without `axis`."""
    scale = np.maximum(np.abs(weight).max(axis, keepdims=True) / LEVELS, np.finfo(np.float32).tiny)
    scale = scale.astype(np.float32).astype(np.float64)
    return np.rint(weight / scale).clip(-LEVELS, LEVELS).astype(np.int8), scale.astype(np.float32)


def product_in_bytes(x: Value, weight: Array) -> Value:
    """x (…, i) by weight (i, o), in the nodes that ONNX Runtime makes one of."""
    g = x.graph
    data, scale = rounded(weight, 0)
    given = g.in_bytes(x, lambda: Quantised(*g.op_many("DynamicQuantizeLinear", 3, x)))
    made = g.op("MatMulInteger", given.data, g.const(data), given.zero)
    return g.op("Cast", made, to=TensorProto.FLOAT) * (given.scale * g.const(scale[0]))


def conv_in_bytes(
    x: Value,
    weight: Array,
    bias: Array,
    inside: tuple[float, float],
    outside: tuple[float, float],
    attributes: dict[str, Any],
) -> Value:
    """A convolution of bytes that gives bytes. `x` that is bytes already is taken as it is; a lowest
    number of 0 in `outside` makes it a ReLU as well. weight (o, i, k, k), bias (o,)."""
    g = x.graph
    given = g.in_bytes(x, lambda: _in_range(x, *inside))
    data, scale = rounded(weight, (1, 2, 3))
    given_scale = float(_numbers(given.scale))
    shift = np.rint(bias.astype(np.float64) / (given_scale * scale.reshape(-1).astype(np.float64)))
    made_scale, made_zero = _scale_and_zero(g, *outside)
    made = g.op(
        "QLinearConv",
        *(given.data, given.scale, given.zero),
        *(data, scale.reshape(-1), np.zeros(len(data), np.int8), made_scale, made_zero),
        shift.astype(np.int32),
        **attributes,
    )
    result = g.op("DequantizeLinear", made, made_scale, made_zero)
    g.in_bytes(result, lambda: Quantised(made, made_scale, made_zero))
    return result


def _in_range(x: Value, lowest: float, highest: float) -> Quantised:
    scale, zero = _scale_and_zero(x.graph, lowest, highest)
    return Quantised(x.graph.op("QuantizeLinear", x, scale, zero), scale, zero)


def _scale_and_zero(g: Graph, lowest: float, highest: float) -> tuple[Value, Value]:
    scale = np.array(max((highest - lowest) / 255, float(np.finfo(np.float32).tiny)), np.float32)
    return g.const(scale), g.const(np.rint(-lowest / scale).clip(0, 255).astype(np.uint8))


def _numbers(value: Value) -> Array:
    found = value.graph.array(value)
    assert found is not None
    return found

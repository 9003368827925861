"""Parts that several graphs share; parameters by the names of the state dict."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from splitmask.onnx.builder import FloatArray, Value
from splitmask.onnx.quantise import conv_in_bytes

Activation = Callable[[Value], Value]


def relu(x: Value) -> Value:
    return x.relu()


def gelu(x: Value) -> Value:
    """In the five nodes that ONNX Runtime fuses into one."""
    return x * (x.graph.op("Erf", x / math.sqrt(2.0)) + 1.0) * 0.5


def transposed(weight: FloatArray) -> FloatArray:
    return weight.T


def linear(x: Value, name: str) -> Value:
    """(…, i) → (…, o)."""
    g = x.graph
    return x @ g.param(f"{name}.weight", transposed) + g.param(f"{name}.bias")


def mlp(x: Value, name: str, depth: int, activation: Activation = relu) -> Value:
    for i in range(depth - 1):
        x = activation(linear(x, f"{name}.layers.{i}"))
    return linear(x, f"{name}.layers.{depth - 1}")


def layer_norm(x: Value, name: str, epsilon: float = 1e-5) -> Value:
    """Over the last axis."""
    g = x.graph
    scale, shift = g.param(f"{name}.weight"), g.param(f"{name}.bias")
    return g.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)


def layer_norm_2d(x: Value, name: str, epsilon: float = 1e-6) -> Value:
    """Over the channels of (b, c, h, w), without turning the map over: a LayerNormalization of many short
    rows costs several times as much as these passes."""
    g = x.graph
    axis = np.array([1], np.int64)
    centred = x - g.op("ReduceMean", x, axis)
    deviation = g.op("Sqrt", g.op("ReduceMean", centred * centred, axis) + epsilon)
    scale, shift = (g.param(f"{name}.{part}", channels_first) for part in ("weight", "bias"))
    return centred / deviation * scale + shift


def channels_first(vector: FloatArray) -> FloatArray:
    return vector.reshape(-1, 1, 1)


def conv(x: Value, name: str, **attributes: object) -> Value:
    g = x.graph
    return g.op("Conv", x, g.param(f"{name}.weight"), g.param(f"{name}.bias"), **attributes)


def conv_norm(x: Value, name: str, kernel: int = 3, stride: int = 1, active: bool = True) -> Value:
    """A convolution and its batch norm, which a runtime folds into it when it loads, then ReLU if `active`.
    In bytes where the graph knows the ranges of what goes in and comes out."""
    g = x.graph
    norm = {part: g.state[f"{name}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(1e-5))
    weight = g.param(f"{name}.0.weight") * scale.reshape(-1, 1, 1, 1)
    bias = norm["bias"] - norm["running_mean"] * scale
    attributes = {"strides": [stride] * 2, "pads": [kernel // 2] * 4, "kernel_shape": [kernel] * 2}
    numbers = g.array(weight) if f"{name}:out" in g.ranges else None
    if numbers is not None:
        inside, outside = g.ranges[f"{name}:in"], g.ranges[f"{name}:out"]
        return conv_in_bytes(x, numbers, bias, inside, (0.0, outside[1]) if active else outside, attributes)
    made = g.op("Conv", g.tap(f"{name}:in", x), weight, bias, **attributes)
    return g.tap(f"{name}:out", made.relu() if active else made)

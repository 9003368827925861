"""The image side of the decoder, four times as fine.

As maps; or cell by cell, where each cell holds the 2×2 finer ones that a transposed convolution makes of
it. These are matrix products without a map being turned over, but what is added to them has to lie the
same way.
"""

from __future__ import annotations

import numpy as np

from splitmask.onnx.builder import FloatArray, Value
from splitmask.onnx.layers import gelu, layer_norm, layer_norm_2d

UPSCALING = "sam_mask_decoder.output_upscaling"


def upscaled(image: Value, high_res_0: Value, high_res_1: Value) -> Value:
    """(b, c, h, w) → (b, c/8, 4h, 4w)."""
    x = gelu(layer_norm_2d(_doubled(image, f"{UPSCALING}.0") + high_res_1, f"{UPSCALING}.1"))
    return gelu(_doubled(x, f"{UPSCALING}.3") + high_res_0)


def _doubled(x: Value, name: str) -> Value:
    g = x.graph
    parts = g.param(f"{name}.weight"), g.param(f"{name}.bias")
    return g.op("ConvTranspose", x, *parts, strides=[2, 2], kernel_shape=[2, 2])


def upscaled_cells(image: Value, cells_0: Value, cells_1: Value, c: int) -> Value:
    """image (b, hw, c), cells_0 (1, 4hw, c/2), cells_1 (1, hw, c) as `in_cells` gives them →
    (b, 16hw, c/8), to be put in order by `whole`."""
    x = (image @ _by_cell(image, f"{UPSCALING}.0") + cells_1).reshape(0, -1, c // 4)
    x = gelu(layer_norm(x, f"{UPSCALING}.1", 1e-6))
    return gelu(x @ _by_cell(image, f"{UPSCALING}.3") + cells_0).reshape(0, -1, c // 8)


def _by_cell(x: Value, name: str) -> Value:
    """The weight of a transposed convolution (i, o, 2, 2) as (i, 4o)."""

    def flat(weight: FloatArray) -> FloatArray:
        return weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)

    return x.graph.param(f"{name}.weight", flat)


def in_cells(x: Value, side: int, level: int) -> Value:
    """A map that is added to the image at twice its side (level 1) or four times it (2), with the bias of
    the convolution before: (1, o, …) → (1, cells, 4o)."""
    g = x.graph
    bias = g.state[f"{UPSCALING}.{3 * (level - 1)}.bias"]
    o = len(bias)
    if level == 1:
        cells = x.reshape(o, side, 2, side, 2).transpose(1, 3, 2, 4, 0)
    else:
        cells = x.reshape(o, side, 2, 2, side, 2, 2).transpose(1, 4, 2, 5, 3, 6, 0)
    return cells.reshape(1, -1, 4 * o) + np.tile(bias, 4)


def whole(masks: Value, side: int) -> Value:
    """(b, n, 16hw) of `upscaled_cells` → (b, n, 4h·4w), row by row."""
    cells = masks.reshape(0, 0, side, side, 2, 2, 2, 2).transpose(0, 1, 2, 4, 6, 3, 5, 7)
    return cells.reshape(0, 0, 16 * side * side)

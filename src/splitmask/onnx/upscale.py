"""The image side of the decoder, four times as fine."""

from __future__ import annotations

from splitmask.onnx.builder import Value
from splitmask.onnx.layers import gelu, layer_norm_2d

UPSCALING = "sam_mask_decoder.output_upscaling"


def upscaled(image: Value, high_res_0: Value, high_res_1: Value) -> Value:
    """(b, c, h, w) → (b, c/8, 4h, 4w)."""
    x = gelu(layer_norm_2d(_doubled(image, f"{UPSCALING}.0") + high_res_1, f"{UPSCALING}.1"))
    return gelu(_doubled(x, f"{UPSCALING}.3") + high_res_0)


def _doubled(x: Value, name: str) -> Value:
    g = x.graph
    parts = g.param(f"{name}.weight"), g.param(f"{name}.bias")
    return g.op("ConvTranspose", x, *parts, strides=[2, 2], kernel_shape=[2, 2])

"""`encode` as a graph: a normalised square image → features at three strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from splitmask.onnx.builder import PLAIN, FloatArray, Graph, Value
from splitmask.onnx.conv_trunk import conv_trunk
from splitmask.onnx.form import Form
from splitmask.onnx.hiera import hiera
from splitmask.onnx.hiera_map import Tokens
from splitmask.onnx.layers import channels_first
from splitmask.presets import ConvParams, Preset


def image_encoder(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    g = Graph("image_encoder", state, form, form.sizes(preset))
    c, size = preset.dim, preset.image_size
    image = g.input("image", (1, 3, size, size))
    trunk = preset.trunk
    maps: Sequence[Value] | Sequence[Tokens]
    maps = conv_trunk(trunk, size, image) if isinstance(trunk, ConvParams) else hiera(trunk, size, image)
    neck = _Neck(g, preset, maps)
    coarse = neck.coarse()
    g.output("high_res_feats_0", neck.fine(coarse, 0), (1, c // 8, size // 4, size // 4))
    g.output("high_res_feats_1", neck.fine(coarse, 1), (1, c // 4, size // 8, size // 8))
    embed = coarse + g.param("no_mem_embed", lambda vector: channels_first(vector))
    g.output("image_embed", embed, (1, c, size // 16, size // 16))
    return g


class _Neck:
    """Laterals to `dim` channels and the way down from coarse to fine. All of it is linear, so the heads of
    the two fine levels are multiplied into the laterals (by the runtime, when it loads)."""

    def __init__(self, g: Graph, preset: Preset, maps: Sequence[Value] | Sequence[Tokens]) -> None:
        self.g = g
        self.maps, self.dim, self.top_down = maps, preset.dim, preset.top_down_levels

    def _lateral(self, level: int, head: Value | None = None, bias: Value | None = None) -> Value:
        name, source = f"image_encoder.neck.convs.{3 - level}.conv", self.maps[level]
        own = self.g.param(f"{name}.bias")
        if head is None and isinstance(source, Value):
            return self.g.op("Conv", source, self.g.param(f"{name}.weight"), own)
        weight, outputs = self.g.param(f"{name}.weight", lambda w: w[:, :, 0, 0]), self.dim
        if head is not None:
            weight, own, outputs = head @ weight, _plus(head @ own, bias), self.dim // (8 >> level)
        if isinstance(source, Value):
            return _pointwise(source, weight, own)
        return source.pointwise(weight, own, outputs)

    def coarse(self) -> Value:
        x = self._lateral(2)
        return x + _enlarged(self._lateral(3)) if 2 in self.top_down else x

    def fine(self, coarse: Value, level: int) -> Value:
        """The head `conv_s0` or `conv_s1` of level 0 or 1, stride 4 or 8."""
        g, name = coarse.graph, f"sam_mask_decoder.conv_s{level}"
        head = g.param(f"{name}.weight", lambda w: w[:, :, 0, 0])
        return self._headed(coarse, level, head, g.param(f"{name}.bias"))

    def _headed(self, coarse: Value, level: int, head: Value, bias: Value | None) -> Value:
        if level == 2:
            return _pointwise(coarse, head, bias)
        x = self._lateral(level, head, bias)
        return x + _enlarged(self._headed(coarse, level + 1, head, None)) if level in self.top_down else x


def _pointwise(x: Value, weight: Value, bias: Value | None) -> Value:
    g, kernel = x.graph, weight.graph.op("Unsqueeze", weight, np.array([2, 3], np.int64))
    return g.op("Conv", x, kernel) if bias is None else g.op("Conv", x, kernel, bias)


def _plus(x: Value, bias: Value | None) -> Value:
    return x if bias is None else x + bias


def _enlarged(x: Value) -> Value:
    g, scales = x.graph, np.array([1, 1, 2, 2], np.float32)
    way = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "mode": "nearest"}
    return g.op("Resize", x, Value(g, ""), scales, **way)

"""`remember` as a graph: features of a frame and a mask → a small map to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from splitmask.onnx.builder import PLAIN, FloatArray, Graph, Value
from splitmask.onnx.form import Form
from splitmask.onnx.layers import channels_first, conv, gelu, layer_norm, layer_norm_2d, linear, transposed
from splitmask.presets import Preset

ENCODER = "memory_encoder"


def memory_encoder(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    g = Graph("memory_encoder", state, form, form.sizes(preset))
    c, cells = preset.dim, preset.memory_grid
    embed = g.input("image_embed", ("images", c, preset.grid, preset.grid))
    logits = g.input("mask_logits", ("objects", 1, "mask_height", "mask_width"))
    binarize = g.input("binarize", ("objects",), exact=True)
    presence = g.input("object_score_logits", ("objects", 1), exact=True)

    x = _features(embed) + _mask_features(preset, _mask(preset, logits, binarize))
    for i in range(2):
        x = _cx_block(x, f"{ENCODER}.fuser.layers.{i}")
    if preset.memory_pool > 1:  # before the projection, which is linear
        x = g.op("AveragePool", x, kernel_shape=[preset.memory_pool] * 2, strides=[preset.memory_pool] * 2)
    memory = conv(x, f"{ENCODER}.out_proj")
    if preset.no_obj_embed_spatial:
        absent = g.op("Cast", g.op("LessOrEqual", presence, 0.0), to=TensorProto.FLOAT)
        embedding = g.param("no_obj_embed_spatial", lambda x: channels_first(x[0]))
        memory = memory + absent.reshape(-1, 1, 1, 1) * embedding
    g.output("memory", memory, ("objects", preset.memory_dim, cells, cells))
    return g


def _mask(preset: Preset, logits: Value, binarize: Value) -> Value:
    """(b, 1, k, k) logits → (b, 1, S', S') as the mask downsampler takes them: scaled 0…1, hard or soft."""
    g, side = logits.graph, preset.image_size // preset.memory_mask_stride
    sizes = np.array([side, side], np.int64)
    resized = _resized(logits, sizes)
    hard = g.op("Cast", g.op("Greater", resized, 0.0), to=TensorProto.FLOAT)
    soft = resized.sigmoid()
    scale, shift = preset.memory_mask_scale
    return (soft + (hard - soft) * binarize.reshape(-1, 1, 1, 1)) * scale + shift


def _resized(x: Value, sizes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Value:
    g = x.graph
    nothing = Value(g, "")
    return g.op("Resize", x, nothing, nothing, sizes, axes=[2, 3], mode="linear")


def _mask_features(preset: Preset, mask: Value) -> Value:
    """→ (b, c, h, w)"""
    name, halvings = f"{ENCODER}.mask_downsampler.encoder", int(math.log2(16 // preset.memory_mask_stride))
    for i in range(halvings):
        mask = conv(mask, f"{name}.{3 * i}", strides=[2, 2], pads=[1] * 4, kernel_shape=[3, 3])
        mask = gelu(layer_norm_2d(mask, f"{name}.{3 * i + 1}"))
    return conv(mask, f"{name}.{3 * halvings}")


def _features(embed: Value) -> Value:
    """pix_feat_proj of the features without `no_mem_embed`, whose share goes into the bias."""
    g, name = embed.graph, f"{ENCODER}.pix_feat_proj"
    weight = g.param(f"{name}.weight")
    c = g.state[f"{name}.bias"].shape[0]
    share = weight.reshape(c, c) @ g.param("no_mem_embed").reshape(c, 1)
    return g.op("Conv", embed, weight, g.param(f"{name}.bias") - share.reshape(c))


def _cx_block(x: Value, name: str) -> Value:
    """ConvNeXt block; its layer scale is folded into the second projection."""
    g = x.graph
    channels = g.state[f"{name}.gamma"].shape[0]
    y = conv(x, f"{name}.dwconv", pads=[3] * 4, kernel_shape=[7, 7], group=channels)
    y = layer_norm(y.transpose(0, 2, 3, 1), f"{name}.norm", 1e-6)
    y = gelu(linear(y, f"{name}.pwconv1"))
    gamma = g.param(f"{name}.gamma")
    y = y @ (g.param(f"{name}.pwconv2.weight", transposed) * gamma) + g.param(f"{name}.pwconv2.bias") * gamma
    return x + y.transpose(0, 3, 1, 2)

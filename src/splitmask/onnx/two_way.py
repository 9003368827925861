"""The decoder's transformer: tokens and the image attend to each other.

Where a handful of tokens meets the whole image, the tokens are carried into the image's channels and not
the image into the heads', so that no map is projected, split into heads or turned over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from splitmask.onnx.builder import FloatArray, Graph, Value
from splitmask.onnx.layers import layer_norm, linear, mlp, transposed
from splitmask.presets import Preset

DECODER = "sam_mask_decoder"
TRANSFORMER = f"{DECODER}.transformer"
FIRST = f"{TRANSFORMER}.layers.0.cross_attn_token_to_image"
AWAY = -1e4  # added to the scores of what must not be attended to


@dataclass(frozen=True, slots=True)
class ImageSide:
    """What depends on the image alone: itself as tokens, with their places, and what the first layer makes
    of it. keyed (1, hw, c), keys (1, heads, d, hw), values (1, heads, hw, d)."""

    keyed: Value
    keys: Value
    values: Value


def transformer(
    preset: Preset,
    tokens: Value,
    image: Value,
    place: Value,
    surplus: Value | None = None,
    ready: ImageSide | None = None,
) -> tuple[Value, Value]:
    """tokens (b, n, c), image (1|b, hw, c), place (hw, c) → both, updated. surplus (b, n) is added to the
    scores of the tokens; ready: of the image, where it was computed before."""
    name, heads, asked = TRANSFORMER, preset.decoder_heads, tokens
    for i in range(2):
        layer = f"{name}.layers.{i}"
        if i == 0:
            tokens = _attention(tokens, tokens, f"{layer}.self_attn", heads, surplus)
        else:
            tokens = tokens + _attention(tokens + asked, tokens, f"{layer}.self_attn", heads, surplus)
        tokens = layer_norm(tokens, f"{layer}.norm1")
        if i == 0 and ready is not None:
            keyed, seen = ready.keyed, _from_ready(tokens + asked, ready, heads)
        else:
            keyed = image + place
            seen = _from_image(tokens + asked, keyed, image, f"{layer}.cross_attn_token_to_image", heads)
        tokens = layer_norm(tokens + seen, f"{layer}.norm2")
        tokens = layer_norm(tokens + mlp(tokens, f"{layer}.mlp", 2), f"{layer}.norm3")
        told = _to_image(keyed, tokens + asked, tokens, f"{layer}.cross_attn_image_to_token", heads, surplus)
        image = layer_norm(image + told, f"{layer}.norm4")
    final = _from_image(tokens + asked, image + place, image, f"{name}.final_attn_token_to_image", heads)
    return layer_norm(tokens + final, f"{name}.norm_final_attn"), image


def _heads(x: Value, heads: int) -> Value:
    """(b, n, heads·d) → (b, heads, n, d)."""
    return x.reshape(0, 0, heads, -1).transpose(0, 2, 1, 3)


def _scaled(x: Value, name: str, heads: int) -> Value:
    """A projection to queries, with the scale of the scores folded in."""
    g = x.graph
    scale = 1 / math.sqrt(g.state[f"{name}.bias"].shape[0] / heads)
    return x @ (g.param(f"{name}.weight", transposed) * scale) + g.param(f"{name}.bias") * scale


def _attention(keyed: Value, values: Value, name: str, heads: int, surplus: Value | None) -> Value:
    """Tokens (b, n, c) to themselves."""
    q = _heads(_scaled(keyed, f"{name}.q_proj", heads), heads)
    k = _heads(linear(keyed, f"{name}.k_proj"), heads)
    v = _heads(linear(values, f"{name}.v_proj"), heads)
    scores = q @ k.transpose(0, 1, 3, 2)
    scores = scores if surplus is None else scores + surplus.reshape(0, 1, 1, -1)
    return linear(_merged(scores.softmax() @ v), f"{name}.out_proj")


def _merged(x: Value) -> Value:
    """(b, heads, n, d) → (b, n, heads·d)."""
    return x.transpose(0, 2, 1, 3).reshape(0, 0, -1)


def _per_head(g: Graph, name: str, heads: int, out: bool = False) -> Value:
    """The weight of a projection to heads (heads·d, c), or from them (c, heads·d), as (heads, d, c)."""

    def split(weight: FloatArray) -> FloatArray:
        weight = weight.T if out else weight
        return weight.reshape(heads, -1, weight.shape[1])

    return g.param(f"{name}.weight", split)


def _from_image(tokens: Value, keyed: Value, image: Value, name: str, heads: int) -> Value:
    """Tokens (b, n, c) attend to the image (b, hw, c). A bias of the keys adds the same to all scores of a
    token and so nothing."""
    g, c = tokens.graph, image.graph.state[f"{name}.out_proj.bias"].shape[0]
    q = _heads(_scaled(tokens, f"{name}.q_proj", heads), heads)
    q = (q @ _per_head(g, f"{name}.k_proj", heads)).reshape(0, -1, c)  # (b, heads·n, c)
    attended = (q @ keyed.transpose(0, 2, 1)).softmax() @ image
    v = attended.reshape(0, heads, -1, c) @ _per_head(g, f"{name}.v_proj", heads).transpose(0, 2, 1)
    return linear(_merged(v) + g.param(f"{name}.v_proj.bias"), f"{name}.out_proj")


def _from_ready(tokens: Value, ready: ImageSide, heads: int) -> Value:
    """The first of `_from_image`, with the image's keys and values at hand."""
    g = tokens.graph
    v = (_heads(_scaled(tokens, f"{FIRST}.q_proj", heads), heads) @ ready.keys).softmax() @ ready.values
    return linear(_merged(v) + g.param(f"{FIRST}.v_proj.bias"), f"{FIRST}.out_proj")


def image_side(preset: Preset, image: Value, place: Value) -> ImageSide:
    """image (b, hw, c), place (hw, c)."""
    g, heads, keyed = image.graph, preset.decoder_heads, image + place

    def split(x: Value, part: str) -> Value:
        return (x @ g.param(f"{FIRST}.{part}.weight", transposed)).reshape(0, 0, heads, -1)

    keys = split(keyed, "k_proj").transpose(0, 2, 3, 1)
    return ImageSide(keyed, keys, split(image, "v_proj").transpose(0, 2, 1, 3))


def _to_image(
    keyed: Value, tokens: Value, values: Value, name: str, heads: int, surplus: Value | None
) -> Value:
    """The image (b, hw, c) attends to tokens (b, n, c) → (b, hw, c)."""
    g, c = tokens.graph, keyed.graph.state[f"{name}.out_proj.bias"].shape[0]
    k = _heads(linear(tokens, f"{name}.k_proj"), heads)
    inner = g.state[f"{name}.q_proj.bias"].shape[0]
    scale = 1 / math.sqrt(inner / heads)
    keys = (k @ (_per_head(g, f"{name}.q_proj", heads) * scale)).reshape(0, -1, c)
    query_bias = g.state[f"{name}.q_proj.bias"].reshape(heads, -1, 1) * np.float32(scale)
    scores = keyed @ keys.transpose(0, 2, 1)
    bias = k @ query_bias
    bias = bias if surplus is None else bias + surplus.reshape(0, 1, -1, 1)
    scores = scores + bias.reshape(0, 1, -1)
    weights = scores.reshape(0, 0, heads, -1).softmax().reshape(0, 0, -1)
    v = _heads(linear(values, f"{name}.v_proj"), heads) @ _per_head(g, f"{name}.out_proj", heads, out=True)
    return weights @ v.reshape(0, -1, c) + g.param(f"{name}.out_proj.bias")

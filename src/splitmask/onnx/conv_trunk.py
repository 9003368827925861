"""The trunk of `nano` as a graph."""

from __future__ import annotations

from splitmask.onnx.builder import Value
from splitmask.onnx.layers import conv_norm, gelu, layer_norm, linear, mlp, transposed
from splitmask.presets import ConvParams

TRUNK = "image_encoder.trunk"


def conv_trunk(params: ConvParams, image_size: int, image: Value) -> list[Value]:
    """image (1, 3, S, S) → maps (1, c, h, w) at stride 4, 8, 16, 32."""
    x = conv_norm(image, f"{TRUNK}.stem", stride=2)
    maps = []
    for stage in range(3):
        x = conv_norm(x, f"{TRUNK}.downs.{stage}", stride=2)
        for i in range(params.depths[stage]):
            x = _bottleneck(x, f"{TRUNK}.stages.{stage}.{i}")
        maps.append(x)
    side, c = image_size // 32, params.channels[3]
    x = conv_norm(x, f"{TRUNK}.downs.3", stride=2, active=False)
    tokens = x.reshape(c, side * side).transpose(1, 0)
    tokens = tokens + x.graph.param(f"{TRUNK}.pos_embed", lambda table: table[0])
    for i in range(params.depths[3]):
        tokens = _token_block(tokens, f"{TRUNK}.blocks.{i}", params.num_heads, side * side, c)
    return [*maps, tokens.transpose(1, 0).reshape(1, c, side, side)]


def _bottleneck(x: Value, name: str) -> Value:
    y = conv_norm(conv_norm(x, f"{name}.reduce", kernel=1), f"{name}.conv")
    return (x + conv_norm(y, f"{name}.expand", kernel=1, active=False)).relu()


def _token_block(x: Value, name: str, heads: int, n: int, c: int) -> Value:
    """x (n, c)"""
    q, k, v = _queries_keys_values(layer_norm(x, f"{name}.norm1"), f"{name}.qkv", heads, n, c)
    out = ((q @ k).softmax() @ v).transpose(1, 0, 2).reshape(n, c)
    x = x + linear(out, f"{name}.proj")
    return x + mlp(layer_norm(x, f"{name}.norm2"), f"{name}.mlp", 2, gelu)


def _queries_keys_values(x: Value, name: str, heads: int, n: int, c: int) -> tuple[Value, Value, Value]:
    """q (heads, n, d), k (heads, d, n), v (heads, n, d); the scale of the scores is in q."""
    g = x.graph
    parts = []
    for i, scale in enumerate(((heads / c) ** 0.5, 1.0, 1.0)):
        rows = slice(i * c, (i + 1) * c)
        weight = g.weight(transposed(g.state[f"{name}.weight"][rows]), f"{name}.weight", "qkv"[i])
        parts.append(x @ (weight * scale) + g.state[f"{name}.bias"][rows] * scale)
    q, k, v = (part.reshape(n, heads, c // heads) for part in parts)
    return q.transpose(1, 0, 2), k.transpose(1, 2, 0), v.transpose(1, 0, 2)

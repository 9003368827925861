"""The Hiera trunk of SAM 2 as a graph.

Where windows divide the map, blocks stay in windows from one to the next: a map is cut and put together
only where the window's side changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splitmask.onnx.builder import Value
from splitmask.onnx.layers import gelu, layer_norm, linear, mlp, transposed
from splitmask.presets import HieraParams

TRUNK = "image_encoder.trunk"
EPSILON = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A square map in windows: (windows, window · window, c), row by row within and among them."""

    x: Value
    side: int
    window: int  # equal to `side` for the map as a whole
    channels: int

    @property
    def across(self) -> int:
        return -(-self.side // self.window)

    def windowed(self, window: int) -> Map:
        """The same map in windows of another side, padded with zeros where they do not divide it."""
        if window == self.window:
            return self
        whole = self._whole()
        if window == self.side:
            return whole
        return whole._cut(window)

    def _whole(self) -> Map:
        if self.window == self.side:
            return self
        n, w, c = self.across, self.window, self.channels
        x = self.x.reshape(n, n, w, w * c).transpose(0, 2, 1, 3)
        if n * w != self.side:
            x = x.reshape(n * w, n * w, c).slice(0, self.side, 0).slice(0, self.side, 1)
        return Map(x.reshape(1, self.side * self.side, c), self.side, self.side, c)

    def _cut(self, window: int) -> Map:
        n, c, x = -(-self.side // window), self.channels, self.x.reshape(self.side, self.side, self.channels)
        if surplus := n * window - self.side:
            x = x.graph.op("Pad", x, np.array([0, 0, 0, surplus, surplus, 0], np.int64))
        x = x.reshape(n, window, n, window * c).transpose(0, 2, 1, 3)
        return Map(x.reshape(n * n, window * window, c), self.side, window, c)

    def with_x(self, x: Value, channels: int | None = None) -> Map:
        return Map(x, self.side, self.window, channels or self.channels)

    def pooled(self) -> Map:
        """The maximum of 2×2 cells; the window's side must be even."""
        n, w, c, g = self.across**2, self.window, self.channels, self.x.graph
        rows = self.x.reshape(n * w // 2, 2, w * c).split([1, 1], axis=1)
        pairs = g.op("Max", *rows).reshape(n * w * w // 4, 2, c).split([1, 1], axis=1)
        x = g.op("Max", *pairs).reshape(n, w * w // 4, c)
        return Map(x, -(-self.side // 2), w // 2, c)


def hiera(params: HieraParams, image_size: int, image: Value) -> list[Value]:
    """image (1, 3, S, S) → maps (1, c, h, w) at stride 4, 8, 16, 32."""
    g, name, side = image.graph, f"{TRUNK}.patch_embed.proj", image_size // 4
    parts = g.param(f"{name}.weight"), g.param(f"{name}.bias")
    x = g.op("Conv", image, *parts, strides=[4, 4], pads=[3] * 4, kernel_shape=[7, 7])
    x = x + _position(params, x, side)
    c = params.embed_dim
    current = Map(x.reshape(c, side * side).transpose(1, 0).reshape(1, side * side, c), side, side, c)
    maps, heads, index = [], params.num_heads, 0
    for stage, depth in enumerate(params.stages):
        for i in range(depth):
            opens = stage > 0 and i == 0
            window = params.window_spec[stage - 1 if opens else stage]
            window = current.side if index in params.global_attention else window
            heads = heads * 2 if opens else heads
            current = _block(current, f"{TRUNK}.blocks.{index}", heads, window, opens)
            index += 1
        maps.append(_as_image(current))
    return maps


def _position(params: HieraParams, x: Value, side: int) -> Value:
    """(1, c, h, w): a coarse embedding of the whole map plus one that repeats in every window."""
    g, window, c = x.graph, params.window_spec[0], params.embed_dim
    sizes = np.array([side, side], np.int64)
    nothing = Value(g, "")
    way = {"axes": [2, 3], "mode": "cubic", "cubic_coeff_a": -0.75}
    coarse = g.op("Resize", g.param(f"{TRUNK}.pos_embed"), nothing, nothing, sizes, **way)
    n = side // window
    tiled = g.param(f"{TRUNK}.pos_embed_window").reshape(c, 1, window, 1, window)
    return (coarse.reshape(c, n, window, n, window) + tiled).reshape(1, c, side, side)


def _as_image(current: Map) -> Value:
    whole = current.windowed(current.side)
    return whole.x.transpose(0, 2, 1).reshape(1, whole.channels, whole.side, whole.side)


def _block(current: Map, name: str, heads: int, window: int, pool: bool) -> Map:
    if current.side % window == 0:
        current = current.windowed(window)
    elif current.window != current.side:
        current = current.windowed(current.side)
    normed = current.with_x(layer_norm(current.x, f"{name}.norm1", EPSILON))
    attended = _attention(normed.windowed(window), f"{name}.attn", heads, pool)
    if f"{name}.proj.weight" in current.x.graph.state:
        out = attended.channels
        current = normed.with_x(linear(normed.x, f"{name}.proj"), out)
        current = current.pooled() if pool else current
    attended = _fitted(attended, current)
    x = current.x + attended.x
    return current.with_x(x + mlp(layer_norm(x, f"{name}.norm2", EPSILON), f"{name}.mlp", 2, gelu))


def _fitted(attended: Map, like: Map) -> Map:
    """What was attended in padded windows, cropped to the map."""
    cropped = Map(attended.x, like.side, attended.window, attended.channels)
    return cropped.windowed(like.window)


def _attention(normed: Map, name: str, heads: int, pool: bool) -> Map:
    x, g = normed.x, normed.x.graph
    c = g.state[f"{name}.proj.bias"].shape[0]
    q, k, v = (normed.with_x(_part(x, f"{name}.qkv", i, c, heads), c) for i in range(3))
    q = q.pooled() if pool else q
    windows, d = normed.across**2, c // heads

    def split(part: Map, *perm: int) -> Value:
        return part.x.reshape(windows, -1, heads, d).transpose(*perm)

    scores = split(q, 0, 2, 1, 3) @ split(k, 0, 2, 3, 1)
    out = (scores.softmax() @ split(v, 0, 2, 1, 3)).transpose(0, 2, 1, 3).reshape(windows, -1, c)
    return q.with_x(linear(out, f"{name}.proj"))


def _part(x: Value, name: str, i: int, c: int, heads: int) -> Value:
    """Queries (0), keys (1) or values (2); the scale of the scores is in the queries."""
    g, rows = x.graph, slice(i * c, (i + 1) * c)
    scale = (heads / c) ** 0.5 if i == 0 else 1.0
    weight = g.weight(transposed(g.state[f"{name}.weight"][rows]), f"{name}.weight", "qkv"[i])
    return x @ (weight * scale) + g.state[f"{name}.bias"][rows] * scale

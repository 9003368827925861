"""Attention of the Hiera trunk, in the form that costs least where it stands.

Three exact ways to write the same numbers:
- `_carried`: keys and values stay what they come from, the normed tokens, which all heads share. The
  queries carry the keys' projection, the output carries the values'. A window needs no projection of its
  keys and values, no split into heads and no transposition. It pays where a window has few queries (the
  blocks that pool them) or one head. A bias of the keys adds the same to all scores of a query: nothing.
- `_global`: over the whole map, head by head and some queries at a time, so that scores stay small.
- `_plain`: everything else.
"""

from __future__ import annotations

import numpy as np

from splitmask.onnx.builder import Graph, Value
from splitmask.onnx.hiera_map import Map
from splitmask.onnx.layers import linear, transposed

# scores that are computed at a time, per head
SCORES = 2**22
# carried attention may take this much more arithmetic, for what it saves in moving numbers
_WORTH = 1.1


def attention(normed: Map, name: str, heads: int, pool: bool) -> Map:
    """normed: the map in the windows that attend to themselves → the same windows, pooled with `pool`."""
    cells, outputs = normed.window**2, normed.x.graph.state[f"{name}.proj.bias"].shape[0]
    part = _Projections(normed.x.graph, name, heads, normed.channels, outputs)
    if part.cost_carried(cells, pool) <= _WORTH * part.cost_plain(cells, pool):
        return _carried(normed, part, pool)
    if normed.window == normed.side and not pool:
        return _global(normed, part)
    return _plain(normed, part, pool)


class _Projections:
    """The weights of one attention, whole or by head. d = outputs / heads."""

    def __init__(self, g: Graph, name: str, heads: int, inputs: int, outputs: int) -> None:
        self.g, self.name, self.heads, self.inputs, self.outputs = g, name, heads, inputs, outputs
        self.depth = outputs // heads
        self.scale = self.depth**-0.5

    def cost_plain(self, cells: int, pool: bool) -> float:
        """Products for each token."""
        queries = 0.25 if pool else 1.0
        attended = 2 * queries * cells * self.outputs
        return 3 * self.inputs * self.outputs + queries * self.outputs**2 + attended

    def cost_carried(self, cells: int, pool: bool) -> float:
        attended = 2 * cells * self.heads * self.inputs
        if not pool:
            return self.heads * self.inputs * (self.inputs + self.outputs) + attended
        return self.inputs * self.outputs + 0.25 * (self.inputs * self.outputs + self._cost_out() + attended)

    def _cost_out(self) -> int:
        return min(self._cost_merged(), self.outputs * (self.inputs + self.outputs))

    def _cost_merged(self) -> int:
        return self.heads * self.inputs * self.outputs

    @property
    def merges(self) -> bool:
        """Whether values and output in one product cost no more than one after the other."""
        return self._cost_merged() <= self._cost_out()

    def rows(self, i: int, head: int | None = None) -> slice:
        """Of the joint projection: queries (0), keys (1) or values (2), of all heads or one."""
        start = i * self.outputs + (head or 0) * self.depth
        return slice(start, start + (self.outputs if head is None else self.depth))

    def weight(self, i: int, head: int | None = None) -> Value:
        """(inputs, outputs), of one head (inputs, d)."""
        source = f"{self.name}.qkv.weight"
        part = "qkv"[i] + ("" if head is None else str(head))
        return self.g.weight(transposed(self.g.state[source][self.rows(i, head)]), source, part)

    def bias(self, i: int, head: int | None = None) -> Value:
        return self.g.const(self.g.state[f"{self.name}.qkv.bias"][self.rows(i, head)])

    def project(self, x: Value, i: int, head: int | None = None) -> Value:
        """The scale of the scores is in the queries."""
        scale = self.scale if i == 0 else 1.0
        return x @ (self.weight(i, head) * scale) + self.bias(i, head) * scale

    def by_head(self, x: Value) -> list[tuple[Value, Value, Value]]:
        """Queries, keys and values of each head. In integers in one product, for the bytes of `x` are put in
        order for each anew."""
        h = range(self.heads)
        if self.g.storage != "int8":
            return [(self.project(x, 0, i), self.project(x, 1, i), self.project(x, 2, i)) for i in h]
        scales = np.repeat(np.array([self.scale, 1, 1], np.float32), self.outputs)
        weight = self.g.param(f"{self.name}.qkv.weight", transposed) * scales
        joint = x @ weight + self.g.state[f"{self.name}.qkv.bias"] * scales
        parts = joint.split([self.depth] * 3 * self.heads, axis=-1)
        return [(parts[i], parts[self.heads + i], parts[2 * self.heads + i]) for i in h]

    def out_rows(self, head: int) -> Value:
        """What a head contributes to the output, (d, outputs)."""
        source, d = f"{self.name}.proj.weight", self.depth
        part = self.g.state[source][:, head * d : (head + 1) * d]
        return self.g.weight(transposed(part), source, f"o{head}")


def _carried(normed: Map, part: _Projections, pool: bool) -> Map:
    x, h, c = normed.x, part.heads, part.inputs
    if pool:
        q = normed.with_x(part.project(x, 0), part.outputs).pooled()
        own = q.x.split([part.depth] * h, axis=-1) if h > 1 else (q.x,)
        asked = [each @ part.weight(1, i).transpose(1, 0) for i, each in enumerate(own)]
        queries = x.graph.concat(asked, axis=-1 if part.merges else 1)
    else:
        q = normed.with_x(x, part.outputs)
        carried = [part.weight(0, i) @ part.weight(1, i).transpose(1, 0) for i in range(h)]
        shift = [part.bias(0, i).reshape(1, -1) @ part.weight(1, i).transpose(1, 0) for i in range(h)]
        g = x.graph
        queries = x @ (g.concat(carried, axis=1) * part.scale) + g.concat(shift, axis=1) * part.scale
    cells = q.window**2
    attended = (queries.reshape(-1, cells * h, c) @ x.transpose(0, 2, 1)).softmax() @ x
    return q.with_x(
        _merged_out(attended, part, cells) if part.merges or not pool else _by_head_out(attended, part, cells)
    )


def _merged_out(attended: Value, part: _Projections, cells: int) -> Value:
    """attended (windows, cells · heads, c), cell by cell."""
    g = attended.graph
    merged = [part.weight(2, i) @ part.out_rows(i) for i in range(part.heads)]
    shift = part.bias(2) @ g.param(f"{part.name}.proj.weight", transposed) + g.param(f"{part.name}.proj.bias")
    return attended.reshape(-1, cells, part.heads * part.inputs) @ g.concat(merged, axis=0) + shift


def _by_head_out(attended: Value, part: _Projections, cells: int) -> Value:
    """attended (windows, heads · cells, c), head by head."""
    h, c, d = part.heads, part.inputs, part.depth
    by_head = part.weight(2).reshape(c, h, d).transpose(1, 0, 2)
    values = attended.reshape(-1, h, cells, c) @ by_head
    return linear(values.transpose(0, 2, 1, 3).reshape(-1, cells, h * d) + part.bias(2), f"{part.name}.proj")


def _global(normed: Map, part: _Projections) -> Map:
    x, cells = normed.x, normed.side**2
    count = max(1, cells * cells // SCORES)
    while cells % count:
        count += 1
    heads = []
    for q, k, v in part.by_head(x):
        keys = k.transpose(0, 2, 1)
        queries = q.split([cells // count] * count, axis=1) if count > 1 else (q,)
        heads.append(x.graph.concat([(some @ keys).softmax() @ v for some in queries], axis=1))
    out = x.graph.concat(heads, axis=-1)
    return normed.with_x(linear(out, f"{part.name}.proj"), part.outputs)


def _plain(normed: Map, part: _Projections, pool: bool) -> Map:
    h, d = part.heads, part.depth
    q, k, v = (normed.with_x(part.project(normed.x, i), part.outputs) for i in range(3))
    q = q.pooled() if pool else q

    def split(each: Map) -> Value:
        return each.x.reshape(-1, each.window**2, h, d).transpose(0, 2, 1, 3)

    attended = (split(q) @ split(k).transpose(0, 1, 3, 2)).softmax() @ split(v)
    out = attended.transpose(0, 2, 1, 3).reshape(-1, q.window**2, h * d)
    return q.with_x(linear(out, f"{part.name}.proj"))

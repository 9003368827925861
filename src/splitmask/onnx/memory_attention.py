"""`recall` as a graph: features of a frame and memories → features conditioned on the past.

The same numbers as `model.memory_attention` for less: values are attended in `memory_dim` before they are
projected, the additive biases ride along as one more channel of the keys, and the first self-attention,
which no memory touches, runs once for all objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splitmask.onnx.builder import PLAIN, FloatArray, Graph, Value
from splitmask.onnx.form import Form
from splitmask.onnx.layers import layer_norm, linear, transposed
from splitmask.onnx.positions import TEMPERATURE, halves_first, rotary_table, rotate, sine_map
from splitmask.presets import Preset

CHUNKS = 4


def memory_attention(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    g = Graph("memory_attention", state, form, form.sizes(preset))
    c, cm, side, cells = preset.dim, preset.memory_dim, preset.grid, preset.memory_grid
    embed = g.input("image_embed", ("images", c, side, side))
    maps = g.input("memory", ("objects", "memories", cm, cells, cells))
    tpos = g.input("memory_tpos", ("objects", "memories", preset.num_memories), exact=True)
    memory_bias = g.input("memory_bias", ("objects", "memories"), exact=True)
    pointers = g.input("pointers", ("objects", "pointers", c))
    pointer_dt = g.input("pointer_dt", ("objects", "pointers"), exact=True)
    pointer_bias = g.input("pointer_bias", ("objects", "pointers"), exact=True)

    memory = _MemoryTokens(preset, maps, tpos, memory_bias)
    pointer = _PointerTokens(preset, pointers, pointer_dt, pointer_bias)
    values = g.concat((memory.values, pointer.values), axis=1)
    table = rotary_table(g, c, side)
    start = sine_map(g, c, side) * 0.1 - g.param("no_mem_embed").reshape(1, c)
    x = embed.reshape(0, c, side * side).transpose(0, 2, 1) + start
    for i in range(preset.memory_layers):
        layer = _Layer(f"memory_attention.layers.{i}", c, side * side, table)
        x = layer.attend_self(x)
        keys = g.concat((memory.keys(layer.name), pointer.keys(layer.name)), axis=1)
        x = layer.feed_forward(layer.attend_memory(x, keys, values))
    x = layer_norm(x, "memory_attention.norm").transpose(0, 2, 1).reshape(0, c, side, side)
    g.output("conditioned_embed", x, ("objects", c, side, side))
    return g


class _MemoryTokens:
    """Maps (b, r, cm, h', w') as tokens; keys turn by the place of their cell."""

    def __init__(self, preset: Preset, maps: Value, tpos: Value, bias: Value) -> None:
        g, self.preset = maps.graph, preset
        cm, cells = preset.memory_dim, preset.memory_grid**2
        tokens = maps.reshape(0, 0, cm, cells).transpose(0, 1, 3, 2)
        # slot 0 is a prompted frame, slot k the k-th latest other; checkpoints keep slot 0 last
        slots = g.param("maskmem_tpos_enc", lambda table: np.roll(table.reshape(-1, cm), 1, axis=0))
        time = (tpos @ slots).reshape(0, 0, 1, cm)
        self.table = rotary_table(g, preset.dim, preset.memory_grid, preset.memory_pool)
        self.positioned = tokens + sine_map(g, cm, preset.memory_grid) + time
        self.bias = bias.reshape(0, 0, 1, 1) + np.zeros((cells, 1), np.float32)
        self.values = tokens.reshape(0, -1, cm)

    def keys(self, name: str) -> Value:
        """(b, r·m, c + 1) for one layer."""
        dim = self.preset.dim
        turned = rotate(_turnable(self.positioned, f"{name}.cross_attn_image.k_proj"), dim, self.table)
        return self.bias.graph.concat((*turned, self.bias), axis=-1).reshape(0, -1, dim + 1)


class _PointerTokens:
    """Pointers (b, p, c), each cut into c/cm tokens that share a position in time."""

    def __init__(self, preset: Preset, pointers: Value, dt: Value, bias: Value) -> None:
        g, self.preset = pointers.graph, preset
        c, cm = preset.dim, preset.memory_dim
        pieces = pointers.reshape(0, 0, c // cm, cm)
        self.values = pointers.reshape(0, -1, cm)
        self.positioned = pieces
        if preset.pointer_tpos:
            half = c // 2
            i = np.arange(half, dtype=np.float32)
            angles = dt.reshape(0, 0, 1, 1) * (TEMPERATURE ** -(2 * (i // 2) / half)).astype(np.float32)
            encoded = g.concat((g.op("Sin", angles), g.op("Cos", angles)), axis=-1)
            self.positioned = pieces + linear(encoded, "obj_ptr_tpos_proj")
        self.bias = bias.reshape(0, 0, 1, 1) + np.zeros((c // cm, 1), np.float32)

    def keys(self, name: str) -> Value:
        """(b, p·c/cm, c + 1) for one layer."""
        keys = _turnable(self.positioned, f"{name}.cross_attn_image.k_proj")
        return self.bias.graph.concat((keys, self.bias), axis=-1).reshape(0, -1, self.preset.dim + 1)


def _turnable(x: Value, name: str, scale: float = 1.0) -> Value:
    """A projection to queries or keys, halves first."""
    g = x.graph
    weight = g.param(f"{name}.weight", lambda w: halves_first(w).T)
    return x @ (weight * scale) + g.param(f"{name}.bias", halves_first) * scale


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer over x (1|b, hw, c)."""

    name: str
    dim: int
    cells: int  # hw
    table: tuple[Value, Value]

    def attend_self(self, x: Value) -> Value:
        normed, name = layer_norm(x, f"{self.name}.norm1"), f"{self.name}.self_attn"
        q = x.graph.concat(self._queries(normed, name), axis=-1)
        k = x.graph.concat(rotate(_turnable(normed, f"{name}.k_proj"), self.dim, self.table), axis=-1)
        return x + _projected(self._attended(q, k, normed), name)

    def attend_memory(self, x: Value, keys: Value, values: Value) -> Value:
        """keys (b, n, c + 1) with their bias last, values (b, n, cm)."""
        normed, name = layer_norm(x, f"{self.name}.norm2"), f"{self.name}.cross_attn_image"
        ones = normed.slice(0, 1, 2) * 0.0 + 1.0
        q = x.graph.concat((*self._queries(normed, name), ones), axis=-1)
        return x + _projected(self._attended(q, keys, values), name)

    def feed_forward(self, x: Value) -> Value:
        hidden = linear(layer_norm(x, f"{self.name}.norm3"), f"{self.name}.linear1").relu()
        return x + linear(hidden, f"{self.name}.linear2")

    def _queries(self, normed: Value, name: str) -> tuple[Value, Value]:
        return rotate(_turnable(normed, f"{name}.q_proj", 1 / math.sqrt(self.dim)), self.dim, self.table)

    def _attended(self, q: Value, k: Value, v: Value) -> Value:
        """q (1|b, hw, d), k (b, n, d), v (b, n, e) → (b, hw, e), the queries in chunks.

        A runtime gives each product of a batch to one thread; with chunks an odd number of objects leaves
        none idle.
        """
        keys, values = (q.graph.op("Unsqueeze", each, np.array([1], np.int64)) for each in (k, v))
        chunks = q.reshape(0, CHUNKS, self.cells // CHUNKS, -1)
        attended = (chunks @ keys.transpose(0, 1, 3, 2)).softmax() @ values
        return attended.reshape(0, self.cells, -1)


def _projected(attended: Value, attn: str) -> Value:
    """Value and output projection of what was attended: weights of attention sum to one, so both wait."""
    g = attended.graph
    value, out = (g.param(f"{attn}.{part}.weight", transposed) for part in ("v_proj", "out_proj"))
    bias = g.param(f"{attn}.v_proj.bias") @ out + g.param(f"{attn}.out_proj.bias")
    return attended @ (value @ out) + bias

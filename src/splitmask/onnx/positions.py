"""Position encodings as constants of a graph, the numbers of `model.positions`.

The graph computes the tables from short vectors and a runtime folds them when it loads, so that the
files stay as small as the weights.
"""

from __future__ import annotations

import math

import numpy as np

from splitmask.onnx.builder import FloatArray, Graph, Value

TEMPERATURE = 10000.0


def grid(line: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions along a side → x and y of every cell, both (n, 1), row by row."""
    y, x = np.meshgrid(line, line, indexing="ij")
    return x.reshape(-1, 1), y.reshape(-1, 1)


def sine_map(g: Graph, channels: int, side: int) -> Value:
    """(side·side, channels): the first half of the channels encodes y, the second x."""
    i = np.arange(channels // 2, dtype=np.float32)
    frequencies = (TEMPERATURE ** -(2 * (i // 2) / (channels // 2))).astype(np.float32)
    quarter_turns = np.tile(np.array([0, 1], np.float32), channels // 4) * np.float32(math.pi / 2)
    steps = np.arange(1, side + 1, dtype=np.float32) / np.float32(side + 1e-6) * np.float32(2 * math.pi)
    x, y = grid(steps)
    halves = [g.op("Sin", g.const(each) * frequencies + quarter_turns) for each in (y, x)]
    return g.concat(halves, axis=1)


def fourier(coords: Value, gaussian: str) -> Value:
    """coords (…, 2) in 0…1 → (…, c), random Fourier features of the parameter named."""
    g = coords.graph
    angles = ((coords * 2.0 - 1.0) @ g.param(gaussian)) * (2 * math.pi)
    return g.concat((g.op("Sin", angles), g.op("Cos", angles)), axis=-1)


def fourier_map(g: Graph, gaussian: str, side: int) -> Value:
    """(side·side, c): the encoding at every cell's centre."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    return fourier(g.const(np.concatenate(grid(line.astype(np.float32)), axis=1)), gaussian)


def halves_first(weight: FloatArray) -> FloatArray:
    """Reorders a projection's outputs (o, …) from pairs (2i, 2i+1) to all even, then all odd ones.

    Rotary embeddings then turn two halves instead of interleaved pairs. Done to queries and keys alike
    it leaves their products as they are.
    """
    return np.concatenate((weight[0::2], weight[1::2]))


def rotary_table(g: Graph, dim: int, side: int, pool: int = 1) -> tuple[Value, Value]:
    """Cosines and sines, both (side·side, dim / 2)."""
    frequencies = TEMPERATURE ** -(np.arange(0, dim, 4, dtype=np.float32)[: dim // 4] / dim)
    x, y = grid(np.arange(side, dtype=np.float32) * pool + (pool - 1) / 2)
    angles = g.concat((g.const(x) * frequencies, g.const(y) * frequencies), axis=1)
    return g.op("Cos", angles), g.op("Sin", angles)


def rotate(x: Value, dim: int, table: tuple[Value, Value]) -> tuple[Value, Value]:
    """x (…, n, dim), halves first → its turned halves, both (…, n, dim / 2)."""
    cos, sin = table
    even, odd = x.split([dim // 2, dim // 2], axis=-1)
    return even * cos - odd * sin, even * sin + odd * cos

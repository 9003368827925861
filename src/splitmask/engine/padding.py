"""What objects remember, of different lengths, as the arrays of one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splitmask.presets import Preset
from splitmask.types import FloatArray, Recollection

AWAY = -1e4  # added to the scores of what is only padding
SCORES = 2**26  # bytes of attention scores that a call may hold, if it holds more than one object's


def objects_at_once(recollections: Sequence[Recollection], preset: Preset) -> int:
    """How many objects to recall in one call: a batch saves time only while its scores are near the
    processor, and one object's may take hundreds of megabytes."""
    tokens = max(
        len(each.memories) * preset.memory_grid**2 + len(each.pointers) * (preset.dim // preset.memory_dim)
        for each in recollections
    )
    return max(1, SCORES // (4 * preset.grid**2 * max(1, tokens)))


def padded(
    recollections: Sequence[Recollection], preset: Preset, least: tuple[int, int] = (1, 1)
) -> tuple[FloatArray, ...]:
    """Recollections of b objects → memory (b, r, cm, h', w'), memory_tpos (b, r, 7), memory_bias (b, r),
    pointers (b, p, c), pointer_dt (b, p), pointer_bias (b, p); r and p as long as the longest, or
    `least`."""
    b, cells = len(recollections), preset.memory_grid
    r = max([least[0], *(len(each.memories) for each in recollections)])
    p = max([least[1], *(len(each.pointers) for each in recollections)])
    maps = np.zeros((b, r, preset.memory_dim, cells, cells), np.float32)
    tpos, memory_bias = np.zeros((b, r, preset.num_memories), np.float32), np.full((b, r), AWAY, np.float32)
    pointers, dts = np.zeros((b, p, preset.dim), np.float32), np.zeros((b, p), np.float32)
    pointer_bias = np.full((b, p), AWAY, np.float32)
    for i, each in enumerate(recollections):
        for j, (memory, slot) in enumerate(each.memories):
            maps[i, j], tpos[i, j, slot], memory_bias[i, j] = memory.map, 1.0, 0.0
        for j, (pointer, dt) in enumerate(each.pointers):
            pointers[i, j], dts[i, j], pointer_bias[i, j] = pointer, dt, 0.0
    return maps, tpos, memory_bias, pointers, dts, pointer_bias

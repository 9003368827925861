"""The Hiera trunk of SAM 2 as a graph.

Where windows divide the map, blocks stay in windows from one to the next: a map is cut and put together
only where the window's side changes. The first windows of a model never exchange anything, so they are
taken in bands that stay near the processor. Tokens of a window lie in the order in which pooling takes
them, four quarters whose maximum is the pooled window: attention has no sense of their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitmask.onnx.builder import Graph, Value
from splitmask.onnx.hiera_attention import attention
from splitmask.onnx.hiera_map import Map, Tokens, joined
from splitmask.onnx.layers import gelu, layer_norm, linear, mlp
from splitmask.presets import HieraParams

TRUNK = "image_encoder.trunk"
EPSILON = 1e-6
# numbers that one band's widest layer may have
BAND = 2**22


@dataclass(frozen=True, slots=True)
class Step:
    """One block: where it is and what it does to the map."""

    index: int
    stage: int
    heads: int
    window: int  # the side of the map for global attention
    side: int  # of the map that it takes
    opens: bool  # a stage, by pooling

    @property
    def name(self) -> str:
        return f"{TRUNK}.blocks.{self.index}"

    @property
    def padded(self) -> bool:
        return self.side % self.window != 0


def steps(params: HieraParams, image_size: int) -> list[Step]:
    made: list[Step] = []
    side, heads = image_size // 4, params.num_heads
    for stage, depth in enumerate(params.stages):
        for i in range(depth):
            opens = stage > 0 and i == 0
            heads = heads * 2 if opens else heads
            window = params.window_spec[stage - 1 if opens else stage]
            window = side if len(made) in params.global_attention else window
            made.append(Step(len(made), stage, heads, window, side, opens))
            side = side // 2 if opens else side
    return made


def levels(plan: Sequence[Step]) -> list[int]:
    """How often the windows of each block are pooled before the map is cut anew."""
    found, after = [], 0
    for step, following in zip(reversed(plan), [None, *reversed(plan)], strict=False):
        window = step.window // 2 if step.opens else step.window
        stays = following is not None and not following.padded and following.window == window
        after = (after if stays else 0) + step.opens
        found.append(after)
    return found[::-1]


def hiera(params: HieraParams, image_size: int, image: Value) -> list[Tokens]:
    """image (1, 3, S, S) → maps at stride 4, 8, 16, 32."""
    plan = steps(params, image_size)
    orders, apart = levels(plan), _apart(plan)
    whole = _embedded(params, image_size, image)
    # added here, it also keeps the two transpositions around it apart: a runtime would make one slow one
    whole = whole.with_x(whole.x + _position(params, image.graph, whole.side))
    first = whole.windowed(plan[0].window, orders[0])
    run = [_Run(band) for band in first.bands(_band_count(params, first) if apart else 1)]
    for each in run:
        each.through(plan[:apart], orders)
    rest = _Run(joined([each.current for each in run]))
    rest.through(plan[apart:], orders)
    ends = [index for index, step in enumerate(plan) if index + 1 == len(plan) or plan[index + 1].opens]
    return [Tokens([each.seen[i] for each in run] if i < apart else [rest.seen[i]]) for i in ends]


def _apart(plan: Sequence[Step]) -> int:
    """How many blocks at the beginning keep to the first windows."""
    window = plan[0].window
    for step in plan:
        if step.window != window or step.window == step.side or step.padded:
            return step.index
        window = window // 2 if step.opens else window
    return len(plan)


def _band_count(params: HieraParams, first: Map) -> int:
    """Bands of which the hidden layer of the first block fits."""
    count, windows = 1, first.across**2
    while windows % (2 * count) == 0 and first.side**2 * params.embed_dim * 4 // count > BAND:
        count *= 2
    return count


def _embedded(params: HieraParams, image_size: int, image: Value) -> Map:
    """Patches of 4×4 pixels, each with three pixels around, as tokens."""
    g, name, c = image.graph, f"{TRUNK}.patch_embed.proj", params.embed_dim
    parts = g.param(f"{name}.weight"), g.param(f"{name}.bias")
    x = g.op("Conv", image, *parts, strides=[4, 4], pads=[3] * 4, kernel_shape=[7, 7])
    return _as_tokens(x, c, image_size // 4)


class _Run:
    """A map, or a band of one, on its way through the blocks."""

    def __init__(self, start: Map) -> None:
        self.current = start
        self.seen: dict[int, Map] = {}

    def through(self, plan: Sequence[Step], orders: Sequence[int]) -> None:
        for step in plan:
            self.current = self.seen[step.index] = _block(self.current, step, orders[step.index])


def _as_tokens(x: Value, channels: int, side: int) -> Map:
    """(1, c, side, side) → the map as a whole."""
    cells = side * side
    return Map(x.reshape(channels, cells).transpose(1, 0).reshape(1, cells, channels), side, side, channels)


def _position(params: HieraParams, g: Graph, side: int) -> Value:
    """(1, cells, c): a coarse embedding of the whole map plus one that repeats in every window."""
    window, c = params.window_spec[0], params.embed_dim
    sizes = np.array([side, side], np.int64)
    nothing = Value(g, "")
    way = {"axes": [2, 3], "mode": "cubic", "cubic_coeff_a": -0.75}
    coarse = g.op("Resize", g.param(f"{TRUNK}.pos_embed"), nothing, nothing, sizes, **way)
    n = side // window
    tiled = g.param(f"{TRUNK}.pos_embed_window").reshape(c, 1, window, 1, window)
    table = (coarse.reshape(c, n, window, n, window) + tiled).reshape(1, c, side, side)
    return _as_tokens(table, c, side).x


def _block(current: Map, step: Step, quarters: int) -> Map:
    name = step.name
    current = current.windowed(*((step.side, 0) if step.padded else (step.window, quarters)))
    normed = current.with_x(layer_norm(current.x, f"{name}.norm1", EPSILON))
    attended = attention(normed.windowed(step.window, quarters), f"{name}.attn", step.heads, step.opens)
    if f"{name}.proj.weight" in current.x.graph.state:
        current = normed.with_x(linear(normed.x, f"{name}.proj"), attended.channels)
        current = current.pooled() if step.opens else current
    x = current.x + _fitted(attended, current).x
    return current.with_x(x + mlp(layer_norm(x, f"{name}.norm2", EPSILON), f"{name}.mlp", 2, gelu))


def _fitted(attended: Map, like: Map) -> Map:
    """What was attended in padded windows, cropped to the map."""
    cropped = Map(attended.x, like.side, attended.window, attended.channels, attended.quarters)
    return cropped.windowed(like.window, like.quarters)

"""Memory attention on a CPU: the same numbers as `Sam2.recall`, in fewer operations.

Nearly all of a tracked frame's time goes into attention to its memories: n queries to r·n keys in every
layer and for every object. Three identities make it cheaper:

- values are linear in the memory's few channels: P (M Wᵛ + bᵛ) Wᵒ + bᵒ = (P M) (Wᵛ Wᵒ) + (bᵛ Wᵒ + bᵒ), as
  the rows of P add up to one, so that memories are averaged in their 64 channels instead of 256;
- softmax does not mind a shift: a column of −shift beside the queries and of ones beside the keys puts it
  into the product, a column of ones beside the memories adds up the denominators. No pass over the
  scores is left but `exp`. The shift is the largest score of a sample of keys; where another key is so
  far beyond it that `exp` overflows, the plain softmax takes over;
- the first layer's self-attention and queries do not depend on any memory: objects of a frame share them.

Keys are projected anew in every layer: kept, they would be 117 MB an object in SAM 2's size, to save the
one part in 80 of the time that projecting takes.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.model import Sam2
from splitmask.model.layers import in_parts
from splitmask.model.memory_attention import MemoryAttentionLayer
from splitmask.types import Features

_QUERIES = 128  # at once: their scores stay near the processor
_SAMPLED = 16  # every so many keys are looked at for the shift
_ALIGNED = 16  # columns that a row of keys is padded to


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one object attends to: memory maps (r, cm, h', w') with their slots, pointers (p, c) with
    their times (p,)."""

    maps: Tensor
    slots: Sequence[int]
    pointers: Tensor
    times: Tensor


class CpuRecall:
    """`Sam2.recall` for objects that remember different numbers of frames, without gradients."""

    def __init__(self, model: Sam2) -> None:
        self.model = model
        attention = model.memory_attention
        self.layers = [_Layer(layer) for layer in attention.layers if isinstance(layer, MemoryAttentionLayer)]
        self.turns = _turns(attention.table_query), _turns(attention.table_memory)
        table = model.maskmem_tpos_enc.detach().reshape(-1, model.preset.memory_dim)
        # slot 0 is a prompted frame; checkpoints keep it last
        place = model.memory_position.flatten(1).transpose(0, 1)
        self.places = torch.cat((table[-1:], table[:-1]))[:, None, :] + place
        self._shared: weakref.WeakKeyDictionary[Features, tuple[Tensor, Tensor]] = weakref.WeakKeyDictionary()
        self._lock = Lock()

    def __call__(self, features: Features, remembered: Sequence[Remembered]) -> Tensor:
        """→ image_embed (b, c, h, w), one for each object."""
        x, q = self._start(features)
        side = self.model.preset.grid
        results = [
            self._attend(x if len(x) == 1 else x[i : i + 1], q if len(q) == 1 else q[i : i + 1], each)
            for i, each in enumerate(remembered)
        ]
        return torch.cat(results).transpose(1, 2).reshape(len(results), -1, side, side)

    def _start(self, features: Features) -> tuple[Tensor, Tensor]:
        """Of a frame: tokens after the first self-attention (1|b, n, c) and their queries."""
        with self._lock:
            shared = self._shared.get(features)
        if shared is None:
            embed: Tensor = features.image_embed - self.model.no_mem_embed.reshape(1, -1, 1, 1)
            position = self.model.position.flatten(1).transpose(0, 1)
            x = embed.flatten(2).transpose(1, 2) + 0.1 * position.to(embed.dtype)
            x = self.layers[0].attend_self(x, self.turns[0])
            shared = x, self.layers[0].queries(x, self.turns[0])
            with self._lock:
                self._shared[features] = shared
        return shared

    def _attend(self, x: Tensor, q: Tensor, remembered: Remembered) -> Tensor:
        keys, values, turned = self._tokens(remembered)
        for i, layer in enumerate(self.layers):
            if i:
                x = layer.attend_self(x, self.turns[0])
                q = layer.queries(x, self.turns[0])
            x = layer.attend_memory(x, q, layer.keys(keys, turned, self.turns[1]), values)
            x = in_parts(layer.feed_forward, x[0], layer.module.linear1.out_features)[None]
        normed: Tensor = self.model.memory_attention.norm(x)
        return normed

    def _tokens(self, remembered: Remembered) -> tuple[Tensor, Tensor, int]:
        """What keys are made of (m, cm), values with a column of ones (m, cm + 1), and how many of the
        tokens, from the first, are turned by their place."""
        model = self.model
        maps = remembered.maps.flatten(2).transpose(1, 2)
        placed = (maps + self.places[list(remembered.slots)].to(maps.dtype)).flatten(0, 1)
        pointers, times = model.pointer_tokens(remembered.pointers[None], remembered.times[None])
        values = torch.cat((maps.flatten(0, 1), pointers[0]))
        keys = torch.cat((placed, (pointers + times)[0]))
        return keys, F.pad(values, (0, 1), value=1.0), len(placed)


class _Layer:
    """A layer's weights, arranged: pairs that turn together lie half a row apart, the scale is in the
    queries, and values go straight to the output."""

    def __init__(self, module: MemoryAttentionLayer) -> None:
        self.module = module
        cross = module.cross_attn_image
        order = torch.arange(cross.q_proj.out_features).view(-1, 2).t().flatten()
        scale = cross.q_proj.out_features**-0.5
        self.q = cross.q_proj.weight.detach()[order] * scale, cross.q_proj.bias.detach()[order] * scale
        self.k = cross.k_proj.weight.detach()[order], cross.k_proj.bias.detach()[order]
        own = module.self_attn
        self.own_q = own.q_proj.weight.detach()[order], own.q_proj.bias.detach()[order]
        self.own_k = own.k_proj.weight.detach()[order], own.k_proj.bias.detach()[order]
        out, value = cross.out_proj.weight.detach(), cross.v_proj
        # in double precision, so that the product is as good as its factors
        self.out = (out.double() @ value.weight.detach().double()).to(out.dtype)
        bias = out.double() @ value.bias.detach().double() + cross.out_proj.bias.detach().double()
        self.out_bias = bias.to(out.dtype)

    def attend_self(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        normed, own = self.module.norm1(x), self.module.self_attn
        q, k = _turn(F.linear(normed, *self.own_q), turns), _turn(F.linear(normed, *self.own_k), turns)
        return x + own.attend(q[:, None], k[:, None], own.v_proj(normed)[:, None])

    def queries(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """(b, n, c) → scaled and turned."""
        return _turn(F.linear(self.module.norm2(x), *self.q), turns)

    def keys(self, tokens: Tensor, turned: int, turns: tuple[Tensor, Tensor]) -> Tensor:
        """tokens (m, cm) → (m, c + 1): projected, the first `turned` turned, and a column of ones."""
        c = len(self.k[1])
        keys = tokens.new_empty(len(tokens), c + _ALIGNED)
        n = len(turns[0])
        for start in range(0, turned, n):
            part = slice(start, start + n)
            _turn_into(keys[part, :c], F.linear(tokens[part], *self.k), turns)
        keys[turned:, :c] = F.linear(tokens[turned:], *self.k)
        keys[:, c] = 1.0
        return keys[:, : c + 1]

    def attend_memory(self, x: Tensor, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """x and q (1, n, c), keys (m, c + 1), values (m, cm + 1) → x with what is remembered."""
        average = attend(q[0], keys, values)
        return x + F.linear(average, self.out, self.out_bias)

    def feed_forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.module.linear1(self.module.norm3(x)))
        return x + torch.as_tensor(self.module.linear2(hidden))


def attend(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention: q (n, c) scaled, keys (m, c + 1) and values (m, d + 1), the last column of both
    all ones → (n, d)."""
    out = q.new_empty(len(q), values.shape[1])
    scores = q.new_empty(_QUERIES, len(keys))
    sampled = keys[::_SAMPLED, :-1].t()
    for start in range(0, len(q), _QUERIES):
        part = q[start : start + _QUERIES]
        shift = torch.mm(part, sampled).amax(dim=1, keepdim=True)
        s = torch.mm(torch.cat((part, -shift), dim=1), keys.t(), out=scores[: len(part)])
        torch.mm(s.exp_(), values, out=out[start : start + len(part)])
    average = out[:, :-1] / out[:, -1:]
    if not torch.isfinite(average).all():
        return torch.softmax(q @ keys[:, :-1].t(), dim=1) @ values[:, :-1]
    return average


def _turns(table: Tensor) -> tuple[Tensor, Tensor]:
    """(2, n, c / 2) → cosines and sines (n, c / 2)."""
    return table[0], table[1]


def _turn(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """(…, n, c), halves of pairs in halves of rows."""
    return _turn_into(torch.empty_like(x), x, turns)


def _turn_into(out: Tensor, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turns
    a, b = x.chunk(2, dim=-1)
    out_a, out_b = out.chunk(2, dim=-1)
    torch.mul(a, cos, out=out_a).addcmul_(b, sin, value=-1)
    torch.mul(a, sin, out=out_b).addcmul_(b, cos)
    return out

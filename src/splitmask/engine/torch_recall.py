"""Memory attention on a CPU: the same numbers as `Sam2.recall`, in fewer operations.

Nearly all of a tracked frame's time goes into attention to its memories: n queries to r·n keys in every
layer and for every object. Three identities make it cheaper:

- values are linear in the memory's few channels: P (M Wᵛ + bᵛ) Wᵒ + bᵒ = (P M) (Wᵛ Wᵒ) + (bᵛ Wᵒ + bᵒ), as
  the rows of P add up to one, so that memories are averaged in their 64 channels instead of 256;
- softmax does not mind a shift. A column of −shift beside the queries and a row of ones below the keys
  put it into their product, of which one pass, `exp`, is left. As the shift is known beforehand, keys come
  a block at a time and stay in the cache. It is the largest score of a sample of keys; should another be
  so far beyond it that `exp` overflows, the largest of all is looked for;
- the first layer's self-attention and queries do not depend on any memory: objects of a frame share them.

Keys are projected anew in every layer: kept, they would be 117 MB an object in SAM 2's size, to save the
one part in 50 of the time that projecting takes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.model import Sam2
from splitmask.model.layers import in_parts
from splitmask.model.memory_attention import MemoryAttentionLayer
from splitmask.types import Features

_TILE = 1024  # queries and keys at once: their scores stay in the cache
_SAMPLED = 16  # every so many keys are looked at for the shift


Turns = tuple[Tensor, Tensor]  # cosines and sines, of half the channels each
Block = tuple[Tensor, Tensor]  # keys (c, m) and values (m, d)


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
        self.dtype = attention.norm.weight.dtype
        self.layers = [_Layer(layer) for layer in attention.layers if isinstance(layer, MemoryAttentionLayer)]
        cos, sin = attention.table_query.to(self.dtype)
        self.turns = cos, sin
        cos, sin = attention.table_memory.to(self.dtype)
        self.key_turns = cos.t().contiguous(), sin.t().contiguous()
        table = model.maskmem_tpos_enc.detach().reshape(-1, model.preset.memory_dim)
        # slot 0 is a prompted frame; checkpoints keep it last
        place = model.memory_position.flatten(1)
        self.places = torch.cat((table[-1:], table[:-1]))[:, :, None] + place
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
            x = (embed.flatten(2).transpose(1, 2) + 0.1 * position).to(self.dtype)
            x = self.layers[0].attend_self(x, self.turns)
            shared = x, self.layers[0].queries(x, self.turns)
            with self._lock:
                self._shared[features] = shared
        return shared

    def _attend(self, x: Tensor, q: Tensor, remembered: Remembered) -> Tensor:
        tokens = self._tokens(remembered)
        for i, layer in enumerate(self.layers):
            if i:
                x = layer.attend_self(x, self.turns)
                q = layer.queries(x, self.turns)
            x = layer.attend_memory(x, q, tokens, self.key_turns)
            x = in_parts(layer.feed_forward, x[0], layer.module.linear1.out_features)[None]
        normed: Tensor = self.model.memory_attention.norm(x)
        return normed

    def _tokens(self, remembered: Remembered) -> _Tokens:
        model = self.model
        maps = remembered.maps.flatten(2)
        placed = maps + self.places[list(remembered.slots)]
        pointers, times = model.pointer_tokens(remembered.pointers[None], remembered.times[None])
        made = placed, maps.transpose(1, 2), (pointers + times)[0].t(), pointers[0]
        return _Tokens(*(each.to(self.dtype) for each in made))


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Of one object: what keys are made of, and values."""

    placed: Tensor  # (r, cm, n) memories with their places and times
    maps: Tensor  # (r, n, cm)
    timed: Tensor  # (cm, p) pointers with their times
    pointers: Tensor  # (p, cm)


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
        self.own_q = own.q_proj.weight.detach()[order] * scale, own.q_proj.bias.detach()[order] * scale
        self.own_k = own.k_proj.weight.detach()[order], own.k_proj.bias.detach()[order]
        out, value = cross.out_proj.weight.detach(), cross.v_proj
        # in double precision, so that the product is as good as its factors
        self.out = (out.double() @ value.weight.detach().double()).to(out.dtype)
        bias = out.double() @ value.bias.detach().double() + cross.out_proj.bias.detach().double()
        self.out_bias = bias.to(out.dtype)

    def attend_self(self, x: Tensor, turns: Turns) -> Tensor:
        """(b, n, c) → the same."""
        normed, own = self.module.norm1(x), self.module.self_attn
        q, k = _turn(F.linear(normed, *self.own_q), turns), _turn(F.linear(normed, *self.own_k), turns)
        pairs = zip(k.transpose(1, 2), own.v_proj(normed), strict=True)
        average = [
            attend(each, block[0][:, ::_SAMPLED], [block].copy) for each, block in zip(q, pairs, strict=True)
        ]
        return x + torch.as_tensor(own.out_proj(torch.stack(average)))

    def queries(self, x: Tensor, turns: Turns) -> Tensor:
        """(b, n, c) → scaled and turned."""
        return _turn(F.linear(self.module.norm2(x), *self.q), turns)

    def attend_memory(self, x: Tensor, q: Tensor, tokens: _Tokens, turns: Turns) -> Tensor:
        """x and q (1, n, c) → x with what is remembered."""
        few = tuple(t[:, ::_SAMPLED] for t in turns)
        sample = [self._keys(each[:, ::_SAMPLED], few) for each in tokens.placed]
        sample.append(self._keys(tokens.timed[:, ::_SAMPLED]))

        def blocks() -> Iterator[Block]:
            for placed, values in zip(tokens.placed, tokens.maps, strict=True):
                yield self._keys(placed, turns), values
            yield self._keys(tokens.timed), tokens.pointers

        average = attend(q[0], torch.cat(sample, dim=1), blocks)
        return x + F.linear(average, self.out, self.out_bias)

    def _keys(self, tokens: Tensor, turns: tuple[Tensor, ...] | None = None) -> Tensor:
        """(cm, m) → (c, m)."""
        weight, bias = self.k
        keys = torch.addmm(bias[:, None], weight, tokens)
        return keys if turns is None else _turn(keys, turns, dim=0)

    def feed_forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu_(self.module.linear1(self.module.norm3(x)))
        return x + torch.as_tensor(self.module.linear2(hidden))


def attend(q: Tensor, sample: Tensor, blocks: Callable[[], Iterable[Block]]) -> Tensor:
    """Softmax attention of q (n, c), scaled, to the keys of all blocks → (n, d). sample: some of the keys,
    (c, m)."""
    average = _attend(q, torch.mm(q, sample).amax(dim=1, keepdim=True), blocks())
    if not torch.isfinite(average).all():
        largest = [torch.mm(q, keys).amax(dim=1, keepdim=True) for keys, _ in blocks() if keys.shape[1]]
        average = _attend(q, torch.cat(largest, dim=1).amax(dim=1, keepdim=True), blocks())
    return average


def _attend(q: Tensor, shift: Tensor, blocks: Iterable[Block]) -> Tensor:
    shifted = torch.cat((q, -shift), dim=1)
    out, total = None, torch.zeros(len(q), 1)
    for keys, values in blocks:
        out = torch.zeros(len(q), values.shape[1]) if out is None else out
        keys = F.pad(keys, (0, 0, 0, 1), value=1.0)
        for rows, columns in product(_tiles(len(q)), _tiles(keys.shape[1])):
            weights = torch.mm(shifted[rows], keys[:, columns]).exp_()
            out[rows] += torch.mm(weights, values[columns])
            total[rows] += weights.sum(dim=1, keepdim=True)
    assert out is not None
    return (out / total).to(q.dtype)


def _tiles(length: int) -> list[slice]:
    return [slice(start, start + _TILE) for start in range(0, length, _TILE)]


def _turn(x: Tensor, turns: tuple[Tensor, ...], dim: int = -1) -> Tensor:
    """x, halves of pairs in halves of `dim`, by the angles of `turns`."""
    cos, sin = turns
    a, b = x.chunk(2, dim=dim)
    return torch.cat((torch.addcmul(a * cos, b, sin, value=-1), torch.addcmul(a * sin, b, cos)), dim=dim)

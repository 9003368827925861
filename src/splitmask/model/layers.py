"""Small parts that several modules share. Parameter names are those of the official checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# On a CPU, what a step makes on its way should stay in the cache and below the size (32 MB in glibc) from
# which memory comes fresh from the system, page by page.
PART_BYTES = 8 << 20


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor, width: int) -> Tensor:
    """`function` over the first dimension of x, on a CPU without gradients a part at a time.

    width: the most numbers that it makes of a row on the way. Each row's result depends on that row alone.
    """
    rows = max(1, PART_BYTES // (width * x.element_size()))
    if not x.is_cpu or torch.is_grad_enabled() or rows >= len(x):
        return function(x)
    return torch.cat([function(part) for part in torch.split(x, rows)])


class DropPath(nn.Module):
    """Leaves a residual branch out for a share `rate` of the samples while training, and makes up for it in
    the others (Huang et al. 2016, "Deep networks with stochastic depth")."""

    rate = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * (keep.to(x.dtype) / (1 - self.rate))


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of (b, c, h, w)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """`depth` linear layers with an activation between them."""

    def __init__(
        self, dim: int, hidden: int, out: int, depth: int, activation: Callable[[Tensor], Tensor] = F.relu
    ) -> None:
        super().__init__()
        widths = [dim, *[hidden] * (depth - 1), out]
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(widths))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self.layers)[:-1]:
            x = self.activation(layer(x))
        return torch.as_tensor(self.layers[-1](x))


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than the tokens'.

    q (b, nq, dim), k and v (b, nk, kv_dim) → (b, nq, dim). `bias` (b, 1, 1, nk) is added to the scores.
    """

    def __init__(self, dim: int, heads: int, downsample: int = 1, kv_dim: int | None = None) -> None:
        super().__init__()
        inner = dim // downsample
        self.heads = heads
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(kv_dim or dim, inner)
        self.v_proj = nn.Linear(kv_dim or dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def split_heads(self, x_bnc: Tensor) -> Tensor:
        b, n, c = x_bnc.shape
        return x_bnc.reshape(b, n, self.heads, c // self.heads).transpose(1, 2)

    def attend(self, q_bhnd: Tensor, k_bhnd: Tensor, v_bhnd: Tensor, bias: Tensor | None = None) -> Tensor:
        out_bhnd = F.scaled_dot_product_attention(q_bhnd, k_bhnd, v_bhnd, attn_mask=bias)
        out_bnc = out_bhnd.transpose(1, 2).flatten(2)
        return torch.as_tensor(self.out_proj(out_bnc))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        heads = (self.split_heads(p(x)) for p, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v)))
        return self.attend(*heads)

"""Hiera trunk of SAM 2 (Ryali et al. 2023, "Hiera: A Hierarchical Vision Transformer without the
Bells-and-Whistles"; Bolya et al. 2023 for the windowed position embedding)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.layers import Mlp, in_parts
from splitmask.presets import HieraParams


def pool_bhwc(x: Tensor) -> Tensor:
    """2×2 max pooling of (b, h, w, c)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def to_windows(x: Tensor, window: int) -> Tensor:
    """(b, h, w, c) → (windows, window, window, c), padded with zeros at the right and bottom."""
    b, h, w, c = x.shape
    x = F.pad(x, (0, 0, 0, -w % window, 0, -h % window))
    x = x.view(b, x.shape[1] // window, window, x.shape[2] // window, window, c)
    return x.transpose(2, 3).reshape(-1, window, window, c)


def from_windows(x: Tensor, window: int, h: int, w: int) -> Tensor:
    """Undoes `to_windows` for a map of h×w."""
    rows, columns = -(-h // window), -(-w // window)
    x = x.reshape(-1, rows, columns, window, window, x.shape[-1]).transpose(2, 3)
    return x.reshape(-1, rows * window, columns * window, x.shape[-1])[:, :h, :w]


class PatchEmbed(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=7, stride=4, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        return torch.as_tensor(self.proj(image)).permute(0, 2, 3, 1)


class MultiScaleAttention(nn.Module):
    """Attention over (b, h, w, dim) → (b, h', w', dim_out); with `pool` the queries are pooled 2×2."""

    def __init__(self, dim: int, dim_out: int, heads: int, pool: bool) -> None:
        super().__init__()
        self.heads, self.pool = heads, pool
        self.qkv = nn.Linear(dim, dim_out * 3)
        self.proj = nn.Linear(dim_out, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, h * w, 3, self.heads, -1).unbind(2)
        if self.pool:
            q = pool_bhwc(q.reshape(b, h, w, -1))
            h, w = q.shape[1:3]
            q = q.reshape(b, h * w, self.heads, -1)
        out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return torch.as_tensor(self.proj(out.transpose(1, 2).reshape(b, h, w, -1)))


class MultiScaleBlock(nn.Module):
    def __init__(self, dim: int, dim_out: int, heads: int, window: int, pool: bool) -> None:
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = MultiScaleAttention(dim, dim_out, heads, pool)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = Mlp(dim_out, dim_out * 4, dim_out, 2, F.gelu)
        self.proj = nn.Linear(dim, dim_out) if dim != dim_out else None

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        if self.proj is not None:
            x = self.proj(normed)
            x = pool_bhwc(x) if self.pool else x
        out = to_windows(normed, self.window) if self.window else normed
        out = in_parts(self.attn, out, 3 * x.shape[-1] * out.shape[1] * out.shape[2])
        if self.window:
            window = self.window // 2 if self.pool else self.window
            out = from_windows(out, window, x.shape[1], x.shape[2])
        x = x + out
        return in_parts(self.feed_forward, x.flatten(0, 2), 4 * x.shape[-1]).view(x.shape)

    def feed_forward(self, x: Tensor) -> Tensor:
        return x + torch.as_tensor(self.mlp(self.norm2(x)))


class Hiera(nn.Module):
    """image (b, 3, S, S) → maps at stride 4, 8, 16, 32, finest first."""

    def __init__(self, params: HieraParams) -> None:
        super().__init__()
        dim, heads, window = params.embed_dim, params.num_heads, params.window_spec[0]
        self.patch_embed = PatchEmbed(dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, dim, *params.pos_embed_bkg))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, dim, window, window))
        self.blocks = nn.ModuleList()
        self.stage_ends: list[int] = []
        for stage, depth in enumerate(params.stages):
            for i in range(depth):
                opens = stage > 0 and i == 0
                # the block that opens a stage still windows the map of the stage before
                window = params.window_spec[stage - 1 if opens else stage]
                if len(self.blocks) in params.global_attention:
                    window = 0
                out, heads = (dim * 2, heads * 2) if opens else (dim, heads)
                self.blocks.append(MultiScaleBlock(dim, out, heads, window, pool=opens))
                dim = out
            self.stage_ends.append(len(self.blocks) - 1)

    def position(self, h: int, w: int) -> Tensor:
        """(1, h, w, c): a coarse embedding of the whole map plus one that repeats in every window."""
        coarse = F.interpolate(self.pos_embed, size=(h, w), mode="bicubic")
        side = self.pos_embed_window.shape[-1]
        tiled = self.pos_embed_window.repeat(1, 1, h // side, w // side)
        return (coarse + tiled).permute(0, 2, 3, 1)

    def forward(self, image: Tensor, position: Tensor | None = None) -> list[Tensor]:
        """position: what `position` gives for the map at stride 4, where it has been computed before."""
        x = self.patch_embed(image)
        x = x + (self.position(x.shape[1], x.shape[2]) if position is None else position)
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.stage_ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps

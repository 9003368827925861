"""The trunk of `nano`: dense convolutions, because they run at the matrix rate of a CPU.

Residual bottlenecks (He et al. 2016) with batch norm, which folds into the convolutions at export,
at strides 4, 8 and 16; transformer blocks (Dosovitskiy et al. 2021) on the 16×16 tokens of stride 32,
where attention costs next to nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.layers import DropPath, Mlp
from splitmask.presets import ConvParams


def conv_norm(inp: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inp, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out, momentum=0.03)
    )


class Bottleneck(nn.Module):
    """1×1 → 3×3 → 1×1 with a residual; (b, c, h, w) kept."""

    def __init__(self, channels: int, mid: int) -> None:
        super().__init__()
        self.reduce = conv_norm(channels, mid, kernel=1)
        self.conv = conv_norm(mid, mid)
        self.expand = conv_norm(mid, channels, kernel=1)
        # starts as the identity, so that depth costs nothing early in training
        nn.init.zeros_(self.expand.get_parameter("1.weight"))
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv(F.relu(self.reduce(x))))
        return F.relu(x + self.drop(self.expand(y)))


class TokenBlock(nn.Module):
    """Self-attention and an MLP, both pre-normed, over (b, n, c)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, 4 * dim, dim, 2, F.gelu)
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)
        x = x + self.drop(self.proj(out))
        return x + torch.as_tensor(self.drop(self.mlp(self.norm2(x))))


class ConvTrunk(nn.Module):
    """image (b, 3, S, S) → maps at stride 4, 8, 16, 32, finest first."""

    def __init__(self, params: ConvParams, image_size: int) -> None:
        super().__init__()
        c = params.channels
        self.stem = conv_norm(3, c[0] // 2, stride=2)
        self.downs = nn.ModuleList(
            conv_norm(i, o, stride=2) for i, o in zip((c[0] // 2, *c[:3]), c, strict=True)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Bottleneck(c[i], params.mid[i]) for _ in range(params.depths[i])))
            for i in range(3)
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // 32) ** 2, c[3]))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.Sequential(*(TokenBlock(c[3], params.num_heads) for _ in range(params.depths[3])))

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.relu(self.stem(image))
        maps = []
        for down, stage in zip(list(self.downs)[:3], self.stages, strict=True):
            x = stage(F.relu(down(x)))
            maps.append(x)
        x = self.downs[3](x)
        tokens = self.blocks(x.flatten(2).transpose(1, 2) + self.pos_embed)
        maps.append(tokens.transpose(1, 2).reshape(x.shape))
        return maps

"""Memory encoder of SAM 2: features and a mask → a small map to remember."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.layers import LayerNorm2d
from splitmask.presets import Preset


class MaskDownSampler(nn.Module):
    """(b, 1, k, k) → (b, dim, k / stride, k / stride), halving the side and doubling twice the channels."""

    def __init__(self, dim: int, stride: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential()
        channels = 1
        for _ in range(int(math.log2(stride))):
            conv = nn.Conv2d(channels, channels * 4, kernel_size=3, stride=2, padding=1)
            self.encoder.extend((conv, LayerNorm2d(channels * 4), nn.GELU()))
            channels *= 4
        self.encoder.append(nn.Conv2d(channels, dim, kernel_size=1))

    def forward(self, mask: Tensor) -> Tensor:
        return torch.as_tensor(self.encoder(mask))


class CXBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022) over (b, c, h, w)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    def __init__(self, dim: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(CXBlock(dim) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.layers(x))


class MemoryEncoder(nn.Module):
    """features (1|b, c, h, w), mask (b, 1, k, k) scaled → (b, cm, h / pool, w / pool)."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.pool = preset.memory_pool
        self.mask_downsampler = MaskDownSampler(preset.dim, 16 // preset.memory_mask_stride)
        self.pix_feat_proj = nn.Conv2d(preset.dim, preset.dim, kernel_size=1)
        self.fuser = Fuser(preset.dim)
        self.out_proj = nn.Conv2d(preset.dim, preset.memory_dim, kernel_size=1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        memory = self.out_proj(self.fuser(self.pix_feat_proj(features) + self.mask_downsampler(mask)))
        return F.avg_pool2d(memory, self.pool) if self.pool > 1 else torch.as_tensor(memory)

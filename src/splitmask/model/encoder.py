"""Image encoder: a trunk and a feature pyramid (Lin et al. 2017) as SAM 2 has it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.conv_trunk import ConvTrunk
from splitmask.model.hiera import Hiera
from splitmask.presets import ConvParams, Preset


class Neck(nn.Module):
    """Maps at stride 4…32 → maps of `dim` channels at stride 4, 8, 16.

    Levels named in `top_down` get the coarser map added (nearest neighbour); `convs` run coarse to fine.
    """

    def __init__(self, channels: tuple[int, ...], dim: int, top_down: tuple[int, ...]) -> None:
        super().__init__()
        self.top_down = top_down
        self.convs = nn.ModuleList(
            nn.Sequential() for _ in channels
        )
        for holder, c in zip(self.convs, reversed(channels), strict=True):
            assert isinstance(holder, nn.Sequential)
            holder.add_module("conv", nn.Conv2d(c, dim, kernel_size=1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        out: list[Tensor] = []
        for conv, level in zip(self.convs, range(len(maps) - 1, -1, -1), strict=True):
            x = conv(maps[level])
            if out and level in self.top_down:
                x = x + F.interpolate(out[-1], scale_factor=2.0, mode="nearest")
            out.append(x)
        return out[:0:-1]


class ImageEncoder(nn.Module):
    """image (b, 3, S, S), normalised → maps of C channels at stride 4, 8, 16."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.trunk: nn.Module
        if isinstance(preset.trunk, ConvParams):
            self.trunk = ConvTrunk(preset.trunk, preset.image_size)
        else:
            self.trunk = Hiera(preset.trunk)
        self.neck = Neck(preset.trunk.channels, preset.dim, preset.top_down_levels)

    def forward(self, image: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.neck(self.trunk(image))
        return maps

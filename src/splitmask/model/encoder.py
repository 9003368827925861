"""Image encoder: a trunk and a feature pyramid (Lin et al. 2017) as SAM 2 has it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.conv_trunk import ConvTrunk
from splitmask.model.hiera import Hiera
from splitmask.presets import ConvParams, Preset


class Neck(nn.Module):
    """Laterals of a trunk's maps (stride 4…32) to `dim` channels; `convs` run coarse to fine.

    Levels named in `top_down` get the coarser level added (nearest neighbour). All of it is linear, so
    a 1×1 head on a fine level is applied before the maps are widened and enlarged: the same numbers
    for a fraction of the memory traffic.
    """

    def __init__(self, channels: tuple[int, ...], dim: int, top_down: tuple[int, ...]) -> None:
        super().__init__()
        self.top_down = top_down
        self.convs = nn.ModuleList(nn.Sequential() for _ in channels)
        for holder, c in zip(self.convs, reversed(channels), strict=True):
            holder.add_module("conv", nn.Conv2d(c, dim, kernel_size=1))

    def lateral(self, level: int) -> nn.Conv2d:
        conv = self.convs[len(self.convs) - 1 - level].get_submodule("conv")
        assert isinstance(conv, nn.Conv2d)
        return conv

    def coarse(self, maps: list[Tensor]) -> Tensor:
        """(b, dim, S/16, S/16)."""
        x: Tensor = self.lateral(2)(maps[2])
        return x + _enlarge(self.lateral(3)(maps[3])) if 2 in self.top_down else x

    def fine(self, maps: list[Tensor], coarse: Tensor, level: int, head: Tensor) -> Tensor:
        """`head` (o, dim) of level 0 or 1, without a bias → (b, o, S/4, S/4) or (b, o, S/8, S/8)."""
        if level == 2:
            return F.conv2d(coarse, head[:, :, None, None])
        lateral = self.lateral(level)
        assert lateral.bias is not None
        x = F.conv2d(maps[level], (head @ lateral.weight[:, :, 0, 0])[:, :, None, None], head @ lateral.bias)
        return x + _enlarge(self.fine(maps, coarse, level + 1, head)) if level in self.top_down else x


def _enlarge(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class ImageEncoder(nn.Module):
    """image (b, 3, S, S), normalised; heads of the two fine levels → what they give, and the coarse map."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.trunk: nn.Module
        if isinstance(preset.trunk, ConvParams):
            self.trunk = ConvTrunk(preset.trunk, preset.image_size)
        else:
            self.trunk = Hiera(preset.trunk)
        self.neck = Neck(preset.trunk.channels, preset.dim, preset.top_down_levels)

    def forward(
        self, image: Tensor, head_0: nn.Conv2d, head_1: nn.Conv2d, position: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        maps: list[Tensor] = self.trunk(image) if position is None else self.trunk(image, position)
        coarse = self.neck.coarse(maps)
        fine = []
        for level, head in enumerate((head_0, head_1)):
            assert head.bias is not None
            x = self.neck.fine(maps, coarse, level, head.weight[:, :, 0, 0])
            fine.append(x + head.bias[:, None, None])
        return fine[0], fine[1], coarse

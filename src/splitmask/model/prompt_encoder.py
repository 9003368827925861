"""Prompt encoder of SAM (Kirillov et al. 2023): points, box corners and a mask → embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from splitmask.model.layers import LayerNorm2d
from splitmask.model.positions import RandomFourier


class PromptEncoder(nn.Module):
    def __init__(self, dim: int, image_size: int, mask_channels: int = 16) -> None:
        super().__init__()
        self.image_size = image_size
        self.pe_layer = RandomFourier(dim // 2)
        # labels 0 (out), 1 (in), 2 and 3 (box corners)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        quarter = mask_channels // 4
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, quarter, kernel_size=2, stride=2),
            LayerNorm2d(quarter),
            nn.GELU(),
            nn.Conv2d(quarter, mask_channels, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def points(self, coords: Tensor, labels: Tensor) -> Tensor:
        """coords (b, n, 2) in S×S pixels, labels (b, n) → (b, n + 1, c): a −1 token is appended."""
        coords = torch.cat((coords, torch.zeros_like(coords[:, :1])), dim=1)
        labels = torch.cat((labels, torch.zeros_like(labels[:, :1]) - 1.0), dim=1)
        # arithmetic in place of `where`: the web runtime has no boolean kernels for it
        none = (labels == -1).to(coords.dtype)[..., None]
        encoded: Tensor = self.pe_layer((coords + 0.5) / self.image_size) * (1 - none)
        encoded = encoded + none * self.not_a_point_embed.weight
        for label, embedding in enumerate(self.point_embeddings.parameters()):
            encoded = encoded + (labels == label).to(coords.dtype)[..., None] * embedding
        return encoded.to(self.not_a_point_embed.weight.dtype)

    def mask(self, mask: Tensor, has_mask: Tensor) -> Tensor:
        """mask (b, 1, M, M) logits, has_mask (b,) 1 or 0 → (b, c, h, w)."""
        has = has_mask.reshape(-1, 1, 1, 1)
        none = self.no_mask_embed.weight.reshape(1, -1, 1, 1)
        return has * torch.as_tensor(self.mask_downscaling(mask)) + (1 - has) * none

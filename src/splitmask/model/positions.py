"""Position encodings: sine maps (Vaswani et al. 2017), random Fourier features of points (Tancik et
al. 2020) and axial rotary embeddings (Heo et al. 2024), in real arithmetic so that they export."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def _interleaved_sine(positions: Tensor, channels: int, temperature: float) -> Tensor:
    """positions (n,) → (n, channels): sin on even, cos on odd channels."""
    i = torch.arange(channels, dtype=torch.float32, device=positions.device)
    angles = positions[:, None] / temperature ** (2 * (i // 2) / channels)
    return torch.stack((angles[:, 0::2].sin(), angles[:, 1::2].cos()), dim=2).flatten(1)


def sine_map(channels: int, side: int, temperature: float = 10000.0) -> Tensor:
    """(channels, side, side): the first half of the channels encodes y, the second x."""
    steps = torch.arange(1, side + 1, dtype=torch.float32) / (side + 1e-6) * 2 * math.pi
    line = _interleaved_sine(steps, channels // 2, temperature)
    y = line[:, None, :].expand(side, side, -1)
    x = line[None, :, :].expand(side, side, -1)
    return torch.cat((y, x), dim=2).permute(2, 0, 1).contiguous()


def sine_1d(positions: Tensor, channels: int, temperature: float = 10000.0) -> Tensor:
    """positions (…) → (…, channels): all sines, then all cosines."""
    half = channels // 2
    i = torch.arange(half, dtype=torch.float32, device=positions.device)
    angles = positions[..., None] / temperature ** (2 * (i // 2) / half)
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


class RandomFourier(nn.Module):
    """Points in 0…1 → sines and cosines of random projections."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, features))

    def forward(self, xy: Tensor) -> Tensor:
        """xy (…, 2) → (…, 2 · features)."""
        # not a matrix product: autocast would round the coordinates to half precision
        matrix = self.positional_encoding_gaussian_matrix
        x, y = (2 * xy - 1).unbind(-1)
        angles = 2 * math.pi * (x[..., None] * matrix[0] + y[..., None] * matrix[1])
        return torch.cat((angles.sin(), angles.cos()), dim=-1)

    def grid(self, side: int) -> Tensor:
        """(1, c, side, side): the encoding at every cell's centre."""
        line = (torch.arange(side, device=self.positional_encoding_gaussian_matrix.device) + 0.5) / side
        y, x = torch.meshgrid(line, line, indexing="ij")
        encoded: Tensor = self(torch.stack((x, y), dim=-1))
        return encoded.permute(2, 0, 1)[None]


def rotary_table(dim: int, side: int, pool: int = 1, theta: float = 10000.0) -> Tensor:
    """(2, side·side, dim / 2): cosines and sines; the first half of the pairs turns with x, the rest with y.

    A grid pooled by `pool` stands at the centres of its cells on the unpooled grid.
    """
    frequencies = theta ** -(torch.arange(0, dim, 4)[: dim // 4].float() / dim)
    line = torch.arange(side, dtype=torch.float32) * pool + (pool - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    angles = torch.cat((x.reshape(-1, 1) * frequencies, y.reshape(-1, 1) * frequencies), dim=1)
    return torch.stack((angles.cos(), angles.sin()))


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turns the pairs (2i, 2i+1) of x (…, n, dim) by the angles of `table` (2, n, dim / 2)."""
    cos, sin = table[0], table[1]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x.dtype)

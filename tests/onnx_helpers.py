"""Small models with every parameter redrawn, and inputs for each verb."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splitmask.model import Sam2
from splitmask.presets import TEST_CONV, TEST_HIERA, HieraParams, Preset

assert isinstance(TEST_HIERA.trunk, HieraParams)
# windows that do not divide the maps, as in the official models at strides 16 and 32
PADDED_HIERA = replace(
    TEST_HIERA, trunk=replace(TEST_HIERA.trunk, window_spec=(8, 4, 6, 3), pos_embed_bkg=(5, 5))
)
SAM20_HIERA = replace(TEST_HIERA, no_obj_embed_spatial=False, pointer_tpos=False)
SMALL_PRESETS = {
    "test-conv": TEST_CONV,
    "test-hiera": TEST_HIERA,
    "padded windows": PADDED_HIERA,
    "sam 2.0": SAM20_HIERA,
}


def redrawn(preset: Preset, seed: int = 0, half: bool = False) -> Sam2:
    """A model in which no parameter has the value it is made with: layer scales of 1e-6, zeros and
    identity statistics hide mistakes. half: rounded as `storage="fp16"` rounds."""
    generator = torch.Generator().manual_seed(seed)
    model = Sam2(preset).eval().requires_grad_(False)
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(0.5 + noise.abs())
        elif value.ndim > 1 and "embed" not in name:
            value.copy_(noise / max(1, value[0].numel()) ** 0.5)
        else:
            value.copy_(0.3 * noise + (1.0 if name.endswith("weight") or name.endswith("gamma") else 0.0))
        if half and value.numel() >= 1024:
            value.copy_(value.half().float())
    return model


def relative(ours: object, theirs: object) -> float:
    """The largest difference, relative to the largest value."""
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / np.abs(b).max())


def biases(generator: torch.Generator, b: int, n: int) -> Tensor:
    """0 or −1e4, never −1e4 for the first."""
    away = torch.rand(b, n, generator=generator) < 0.3
    away[:, 0] = False
    return away * -1e4


def decode_inputs(preset: Preset, images: int, b: int, n: int) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(b * 10 + n)
    c, side, m = preset.dim, preset.grid, preset.mask_size
    return (
        torch.randn(images, c, side, side, generator=g),
        torch.randn(1, c // 8, 4 * side, 4 * side, generator=g),
        torch.randn(1, c // 4, 2 * side, 2 * side, generator=g),
        torch.rand(b, n, 2, generator=g) * preset.image_size,
        torch.randint(-1, 4, (b, n), generator=g).float(),
        torch.randn(b, 1, m, m, generator=g) * 4,
        (torch.arange(b) % 2).float(),
    )


def remember_inputs(preset: Preset, images: int, b: int, k: int) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(b * 1000 + k)
    return (
        torch.randn(images, preset.dim, preset.grid, preset.grid, generator=g),
        torch.randn(b, 1, k, k, generator=g) * 5,
        (torch.arange(b) % 2).float(),
        torch.randn(b, 1, generator=g),
    )


def recall_inputs(preset: Preset, images: int, b: int, r: int, p: int) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(b * 100 + r * 10 + p)
    c, cells, slots = preset.dim, preset.memory_grid, preset.num_memories
    return (
        torch.randn(images, c, preset.grid, preset.grid, generator=g),
        torch.randn(b, r, preset.memory_dim, cells, cells, generator=g),
        torch.eye(slots)[torch.randint(0, slots, (b, r), generator=g)],
        biases(g, b, r),
        torch.randn(b, p, c, generator=g),
        torch.rand(b, p, generator=g) * 3 - 1,
        biases(g, b, p),
    )

"""Connected regions of masks, on any device: what the official package needs a CUDA extension for."""

from __future__ import annotations

import torch
from torch import Tensor


def region_areas(mask: Tensor) -> Tensor:
    """mask (n, 1, h, w) bool → (n, 1, h, w) int32: at every true pixel the area of its 8-connected
    region, 0 elsewhere.

    Every pixel starts with its own number; regions grow by taking the largest number around them and
    then that pixel's own (Shiloach and Vishkin 1982), so that few rounds are needed.
    """
    return torch.cat([_areas_of_one(each) for each in mask[:, 0]]).view(mask.shape)


def _areas_of_one(mask: Tensor) -> Tensor:
    """(h, w) → (1, h, w). One at a time: its numbers stay in the processor's cache."""
    h, w = mask.shape
    inside = mask.int()
    labels = torch.arange(1, h * w + 1, device=mask.device, dtype=torch.int32).view(h, w) * inside
    while True:
        grown = _largest_around(labels) * inside
        jumped = torch.cat((grown.new_zeros(1), grown.flatten())).index_select(0, grown.flatten()).view(h, w)
        if torch.equal(jumped, labels):
            break
        labels = jumped
    areas = torch.bincount(labels.flatten(), minlength=h * w + 1).int()
    areas[0] = 0
    return areas.index_select(0, labels.flatten()).view(1, h, w)


def _largest_around(labels: Tensor) -> Tensor:
    """(h, w) → the largest of each pixel and its eight neighbours."""
    wide = labels.clone()
    wide[:, 1:] = torch.maximum(wide[:, 1:], labels[:, :-1])
    wide[:, :-1] = torch.maximum(wide[:, :-1], labels[:, 1:])
    tall = wide.clone()
    tall[1:] = torch.maximum(tall[1:], wide[:-1])
    tall[:-1] = torch.maximum(tall[:-1], wide[1:])
    return tall


def fill_holes(logits: Tensor, max_area: float, level: float, value: float) -> Tensor:
    """logits (n, 1, h, w): regions at or below `level` of at most `max_area` pixels: `value`."""
    areas = region_areas(logits <= level)
    return torch.where((areas > 0) & (areas <= max_area), logits.new_tensor(value), logits)


def drop_islands(logits: Tensor, like: Tensor, max_area: float, level: float, value: float) -> Tensor:
    """Where `like` (n, 1, h, w) has a region above `level` of at most `max_area` pixels: `value`."""
    areas = region_areas(like > level)
    return torch.where((areas > 0) & (areas <= max_area), logits.new_tensor(value), logits)

"""From label maps to objects, and from masks to the prompts a person would give. All on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Objects:
    """k objects of each of b scenes; n = b·k, scene by scene."""

    masks: Tensor  # (n, t, 1, M, M) share of each cell that is covered, 0…1
    valid: Tensor  # (n,) 0 where a scene had nothing to choose
    scene: Tensor  # (n,) int64 which scene
    fine: Tensor | None = None  # (n, t, 1, F, F) the same on smaller cells, which losses compare

    def wanted(self, frame: int) -> Tensor:
        """(n, 1, F, F): what a loss compares with."""
        return (self.masks if self.fine is None else self.fine)[:, frame]


def choose(labels: Tensor, count: int, least: int, cell: int = 4, fine: int = 4) -> Objects:
    """labels (b, t, s, s) uint8 → objects seen on frame 0 with at least `least` cells of cell×cell pixels.

    Small objects are drawn nearly as often as large ones. fine: the side of a cell of `Objects.fine`, of
    which a whole number fits into `cell`.
    """
    b, t, s, _ = labels.shape
    probe = labels[:, 0, 1::2, 1::2].flatten(1).long()
    areas = torch.zeros(b, 256, device=labels.device)
    areas = areas.scatter_add_(1, probe, torch.ones_like(probe, dtype=torch.float32))
    areas[:, 0] = 0
    weights = torch.where(areas >= least * cell * cell / 4, areas**0.3, torch.zeros_like(areas))
    # not `multinomial`, which may ask the device; a recorded step cannot
    sums = (weights + 1e-9).cumsum(dim=1)
    at = torch.rand(b, count, device=labels.device) * sums[:, -1:]
    ids = torch.searchsorted(sums, at).clamp_max(255)
    valid = weights.gather(1, ids) > 0
    chosen = labels[:, None] == ids[:, :, None, None, None]
    small = F.avg_pool2d(chosen.reshape(b * count * t, 1, s, s).to(torch.bfloat16), fine).float()
    masks = small if fine == cell else F.avg_pool2d(small, cell // fine)
    by_frame = [each.reshape(b * count, t, 1, *each.shape[-2:]) for each in (masks, small)]
    scene = torch.arange(b, device=labels.device).repeat_interleave(count)
    return Objects(by_frame[0], valid.reshape(-1).float(), scene, by_frame[1] if fine < cell else None)


def depth(mask: Tensor) -> Tensor:
    """mask (n, 1, M, M) 0…1 → how deep inside each cell lies; zero outside.

    A cheap distance transform: the mean of box blurs of growing size, the wide ones on coarse grids.
    """
    total = mask + F.avg_pool2d(mask, 5, stride=1, padding=2)
    coarse = mask
    for _ in range(3):
        coarse = F.avg_pool2d(coarse, 2)
        blurred = F.avg_pool2d(coarse, 5, stride=1, padding=2)
        total = total + F.interpolate(blurred, size=mask.shape[-2:], mode="bilinear", align_corners=False)
    return total * (mask > 0.5)


def pick(scores: Tensor, cell: int = 4) -> Tensor:
    """The best cell of scores (n, 1, M, M) as a point (n, 2), x then y, in the coordinates of the graphs."""
    m = scores.shape[-1]
    best = scores.flatten(1).argmax(dim=1)
    xy = torch.stack((best % m, best // m), dim=1).float()
    return (xy + 0.5) * cell - 0.5 + (torch.rand_like(xy) - 0.5) * (cell - 1)


def click(target: Tensor, predicted: Tensor, random: float = 0.5) -> tuple[Tensor, Tensor]:
    """The next click, from the larger kind of error: at its deepest place, or (for a share `random` of
    objects) anywhere in it. target, predicted (n, 1, M, M) → point (n, 2), label (n,)."""
    wanted, given = target > 0.5, predicted > 0.5
    missing, extra = (wanted & ~given).float(), (given & ~wanted).float()
    deep_missing, deep_extra = depth(missing), depth(extra)
    positive = deep_missing.flatten(1).amax(1) >= deep_extra.flatten(1).amax(1)
    # nothing wrong, or nothing there: the deepest place of the object itself
    none = (missing + extra).flatten(1).sum(1) == 0
    here = torch.where(positive[:, None, None, None], missing, extra)
    score = torch.where(positive[:, None, None, None], deep_missing, deep_extra)
    here = torch.where(none[:, None, None, None], target, here)
    score = torch.where(none[:, None, None, None], depth(target), score)
    positive = positive | none
    anywhere = (torch.rand(len(target), device=target.device) < random)[:, None, None, None]
    noise = torch.rand_like(here)
    score = torch.where(anywhere, here * (1 + noise), score + 0.02 * noise * (score > 0))
    return pick(score), positive.float()


def boxes(target: Tensor, jitter: float = 0.06, cell: int = 4) -> tuple[Tensor, Tensor]:
    """target (n, 1, M, M) → loosely drawn boxes as two points (n, 2, 2) labelled 2 and 3 (n, 2)."""
    m = target.shape[-1]
    inside = target[:, 0] > 0.4
    line = torch.arange(m, device=target.device, dtype=torch.float32)
    columns, rows = inside.any(1), inside.any(2)
    big = float(m)
    low = [torch.where(v, line, torch.full_like(line, big)).amin(1) for v in (columns, rows)]
    high = [torch.where(v, line + 1, torch.zeros_like(line)).amax(1) for v in (columns, rows)]
    corners = torch.stack((torch.stack(low, 1), torch.stack(high, 1)), dim=1).clamp(0, big)
    extent = (corners[:, 1] - corners[:, 0]).clamp_min(1)[:, None]
    corners = (corners + torch.randn_like(corners).clamp(-2, 2) * jitter * extent).clamp(0, big)
    labels = torch.arange(2.0, 4.0, device=target.device).expand(len(target), 2)
    return corners * cell - 0.5, labels

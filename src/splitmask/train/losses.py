"""Losses of SAM 2: focal ×20, dice, IoU, presence; of three candidate masks the best one is trained."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_QUALITY = 4.0  # pulls at an error of 1/8 as an absolute error would


def focal(
    logits: Tensor, target: Tensor, alpha: float = 0.5, gamma: float = 2.0, rim_weight: float = 0.0
) -> Tensor:
    """logits (n, m, M, M), target (n, 1, M, M) 0…1 → (n, m) (Lin et al. 2017).

    alpha 0.5 weighs in and out alike, so that the threshold at 0 needs no correction. rim_weight: what cells
    of the `rim` count on top, as Ronneberger et al. 2015 ("U-Net") weigh what separates things.
    """
    extra = 1 + rim_weight * rim(target) if rim_weight else 1.0
    target = target.expand_as(logits)
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    agree = p * target + (1 - p) * (1 - target)
    weight = alpha * target + (1 - alpha) * (1 - target)
    return (extra * weight * ce * (1 - agree) ** gamma).mean(dim=(-2, -1))


def rim(target: Tensor) -> Tensor:
    """target (n, 1, M, M) → the same, 1 on cells that have both object and background within two cells."""
    widest, least = F.max_pool2d(target, 5, 1, 2), -F.max_pool2d(-target, 5, 1, 2)
    return ((widest > 0.5) & (least <= 0.5)).to(target.dtype)


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """→ (n, m) (Milletari et al. 2016)."""
    p = torch.sigmoid(logits)
    overlap = (p * target).sum(dim=(-2, -1))
    return 1 - (2 * overlap + 1) / (p.sum(dim=(-2, -1)) + target.sum(dim=(-2, -1)) + 1)


def iou(logits: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of the thresholded masks → (n, m)."""
    given, wanted = logits > 0, (target > 0.5).expand_as(logits)
    both = (given & wanted).sum(dim=(-2, -1)).float()
    return both / (given | wanted).sum(dim=(-2, -1)).clamp_min(1).float()


def seen(target: Tensor) -> Tensor:
    """target (n, 1, M, M) → (n,) 1 where any of the object is in view."""
    return (target.flatten(1).amax(1) > 0.5).float()


def presence_loss(presence: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """presence (n, 1) logits, target (n, 1, M, M), valid (n,)."""
    each = F.binary_cross_entropy_with_logits(presence[:, 0].float(), seen(target), reduction="none")
    return (each * valid).sum() / valid.sum().clamp_min(1)


def enlarged(masks: Tensor, target: Tensor) -> Tensor:
    """masks (n, 4, M, M) on the grid of target (n, 1, F, F), as a session brings them to a frame's."""
    if masks.shape[-1] == target.shape[-1]:
        return masks
    return F.interpolate(masks.float(), size=target.shape[-2:], mode="bilinear", align_corners=False)


def decode_loss(
    masks: Tensor,
    ious: Tensor,
    presence: Tensor,
    target: Tensor,
    valid: Tensor,
    first: bool,
    rim_weight: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """masks (n, 4, M, M), ious (n, 4), presence (n, 1), target (n, 1, M, M), valid (n,).

    first: 0 or 1 point given, so that candidates 1…3 compete; otherwise the single mask leads. rim_weight:
    as in `focal`.
    → the loss, and the mean IoU of what inference would show.
    """
    masks = masks.float()
    counted = valid * seen(target)
    mask_loss = 20 * focal(masks, target, rim_weight=rim_weight) + dice(masks, target)
    actual = iou(masks, target)
    best = mask_loss[:, 1:].amin(dim=1)
    lead, follow = (best, mask_loss[:, 0]) if first else (mask_loss[:, 0], best)
    # squared, so that a score is the expected IoU: the median of an ambiguous click is one of its meanings,
    # and the mask of the highest expectation is the best to show
    quality = (ious.float() - actual).square().mean(dim=1)
    per_object = lead + 0.3 * follow + _QUALITY * quality
    loss = (per_object * counted).sum() / counted.sum().clamp_min(1)
    loss = loss + presence_loss(presence, target, valid)
    with torch.no_grad():
        shown = actual[:, 1:].gather(1, ious[:, 1:].argmax(1, keepdim=True))[:, 0] if first else actual[:, 0]
        score = (shown * counted).sum() / counted.sum().clamp_min(1)
    return loss, score

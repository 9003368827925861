"""Which of the decoder's four masks the official flags choose, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from splitmask.compat.sam2.base import SAM2Base
from splitmask.session.choice import NO_OBJECT_LOGIT


def stability(logits: Tensor, delta: float) -> Tensor:
    """(b, M, M) → (b,): the area above `delta` over that above `−delta`, 1 where both are empty."""
    inner = (logits > delta).flatten(1).sum(dim=1).float()
    outer = (logits > -delta).flatten(1).sum(dim=1).float()
    return torch.where(outer > 0, inner / outer.clamp(min=1), 1.0)


def choose_masks(
    model: SAM2Base, masks: Tensor, ious: Tensor, multimask_output: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """masks (b, 4, M, M), ious (b, 4) → masks (b, k, M, M), ious (b, k) and tokens (b, k): 1…3 for a
    multi-mask output, else 0, or the best of 1…3 where the flags allow it and mask 0 is unstable."""
    b = len(masks)
    if multimask_output:
        return masks[:, 1:], ious[:, 1:], torch.arange(1, 4, device=masks.device).expand(b, 3)
    tokens = torch.zeros(b, dtype=torch.long, device=masks.device)
    if model.dynamic_multimask_via_stability and not model.training:
        stable = stability(masks[:, 0], model.dynamic_multimask_stability_delta)
        best = ious[:, 1:].argmax(dim=1) + 1
        tokens = torch.where(stable >= model.dynamic_multimask_stability_thresh, tokens, best)
    rows = torch.arange(b, device=masks.device)
    return masks[rows, tokens][:, None], ious[rows, tokens][:, None], tokens[:, None]


def choose_for_video(
    model: SAM2Base, decoded: tuple[Tensor, Tensor, Tensor, Tensor], points: int, is_first: bool
) -> tuple[Tensor, Tensor]:
    """What `decode_tensors` gives of b objects → logits (b, 1, M, M) float32 and pointers (b, c).

    points: prompts of each, box corners counted; is_first: the frame is prompted before any run. Where
    presence says that there is no object, both are replaced by what stands for its absence.
    """
    masks, ious, presence, pointers = decoded
    rows = torch.arange(len(masks), device=masks.device)
    few = model.multimask_min_pt_num <= points <= model.multimask_max_pt_num
    if model.multimask_output_in_sam and (is_first or model.multimask_output_for_tracking) and few:
        best = ious[:, 1:].argmax(dim=1) + 1
        logits = masks[rows, best][:, None]
        pointer = pointers[rows, best if model.use_multimask_token_for_obj_ptr else 0]
    else:
        logits, pointer = choose_masks(model, masks, ious, False)[0], pointers[:, 0]
    present = presence > 0
    logits = torch.where(present[:, :, None, None], logits.float(), NO_OBJECT_LOGIT)
    return logits, torch.where(present, pointer, model.no_obj_ptr.to(pointer.dtype))

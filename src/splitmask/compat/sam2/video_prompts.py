"""Prompts of the video predictor, in pixels of the video → what the decoder takes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.compat.sam2.exceptions import UnfitMaskError, UnfitPointsError
from splitmask.errors import PromptError

Points = tuple[Tensor, Tensor]  # (1, n, 2) x, y in S×S space; (1, n) labels


def prompt_points(
    points: Any,
    labels: Any,
    box: Any,
    clear_old_points: bool,
    scale: tuple[int, int],
    side: int,
    device: torch.device,
) -> Points:
    """points (n, 2) or (1, n, 2), labels (n,) or (1, n), box (4,): a box becomes two points labelled 2
    and 3 before all others. scale: what x and y are divided by. Raises PromptError, a ValueError."""
    if (points is not None) != (labels is not None):
        raise PromptError("points and labels must be provided together")
    if points is None and box is None:
        raise PromptError("at least one of points or box must be provided as input")
    coords = torch.zeros(0, 2) if points is None else torch.as_tensor(points, dtype=torch.float32)
    marks = torch.zeros(0) if labels is None else torch.as_tensor(labels)
    coords = (coords[None] if coords.dim() == 2 else coords).cpu()
    marks = (marks[None] if marks.dim() == 1 else marks).to(torch.int32).cpu()
    if coords.dim() != 3 or coords.shape[::2] != (1, 2) or marks.shape != coords.shape[:2]:
        raise UnfitPointsError(
            f"points of shape {tuple(coords.shape)} and labels of shape {tuple(marks.shape)}: "
            "give (n, 2) points x, y and a label for each"
        )
    if box is not None:
        if not clear_old_points:
            raise PromptError(
                "cannot add box without clearing old points, since box prompt must be provided before any "
                "point prompt (please use clear_old_points=True instead)"
            )
        corners = torch.as_tensor(box, dtype=torch.float32).cpu().reshape(1, 2, 2)
        coords = torch.cat((corners, coords), dim=1)
        marks = torch.cat((torch.tensor([[2, 3]], dtype=torch.int32), marks), dim=1)
    return (coords / torch.tensor(scale) * side).to(device), marks.to(device)


def merged_points(old: Points | None, new: Points) -> Points:
    """The new ones after the old ones."""
    if old is None:
        return new
    return torch.cat((old[0], new[0]), dim=1), torch.cat((old[1], new[1]), dim=1)


def mask_square(mask: Any, side: int, device: torch.device) -> Tensor:
    """(h, w) → (1, 1, S, S) of 0 and 1: antialiased on the way, cut at one half. Raises PromptError."""
    tensor = torch.as_tensor(mask)
    if tensor.dim() != 2:
        raise UnfitMaskError(f"a mask has the shape (height, width), not {tuple(tensor.shape)}")
    # officially an array is taken for a boolean one, and a tensor as it is
    square = (tensor if isinstance(mask, Tensor) else tensor.bool())[None, None].float().to(device)
    if square.shape[-2:] == (side, side):
        return square
    resized = F.interpolate(square, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return (resized >= 0.5).float()

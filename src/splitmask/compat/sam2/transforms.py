"""`sam2.utils.transforms`: images to the model's square, coordinates with them, masks back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from splitmask.compat.sam2.components import drop_islands, fill_holes
from splitmask.presets import IMAGENET_MEAN, IMAGENET_STD


class SAM2Transforms:
    """resolution: S; the areas are of low-resolution pixels, 0 for no cleaning."""

    def __init__(
        self,
        resolution: int,
        mask_threshold: float,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
    ) -> None:
        self.resolution = resolution
        self.mask_threshold = mask_threshold
        self.max_hole_area = max_hole_area
        self.max_sprinkle_area = max_sprinkle_area
        self.mean, self.std = IMAGENET_MEAN, IMAGENET_STD

    def __call__(self, x: npt.NDArray[Any] | Image) -> Tensor:
        """An RGB image → (3, S, S): stretched by antialiased bilinear interpolation, normalised."""
        array = np.array(x if isinstance(x, np.ndarray) else x.convert("RGB"))
        image = torch.from_numpy(array).permute(2, 0, 1).contiguous()
        image = image.float() / 255.0 if image.dtype == torch.uint8 else image.float()
        size = (self.resolution, self.resolution)
        if image.shape[1:] != size:
            image = F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
        mean, std = (image.new_tensor(each)[:, None, None] for each in (self.mean, self.std))
        return (image - mean) / std

    def forward_batch(self, img_list: list[npt.NDArray[Any]]) -> Tensor:
        """→ (b, 3, S, S)."""
        return torch.stack([self(image) for image in img_list])

    def transform_coords(
        self, coords: Tensor, normalize: bool = False, orig_hw: tuple[int, int] | None = None
    ) -> Tensor:
        """(…, 2) x, y in 0…1, or in pixels of the image if `normalize` → S×S space."""
        if normalize:
            assert orig_hw is not None
            coords = coords / coords.new_tensor((orig_hw[1], orig_hw[0]))
        return coords * self.resolution

    def transform_boxes(
        self, boxes: Tensor, normalize: bool = False, orig_hw: tuple[int, int] | None = None
    ) -> Tensor:
        """(b, 4) x0, y0, x1, y1 → (b, 2, 2) in S×S space."""
        return self.transform_coords(boxes.reshape(-1, 2, 2), normalize, orig_hw)

    def postprocess_masks(self, masks: Tensor, orig_hw: tuple[int, int]) -> Tensor:
        """(b, c, M, M) logits → (b, c, H, W): small holes and islands removed, enlarged bilinearly."""
        masks = masks.float()
        given = masks.flatten(0, 1).unsqueeze(1)
        level, clean = self.mask_threshold, given
        if self.max_hole_area > 0:
            clean = fill_holes(clean, self.max_hole_area, level, level + 10.0)
        if self.max_sprinkle_area > 0:
            clean = drop_islands(clean, given, self.max_sprinkle_area, level, level - 10.0)
        return F.interpolate(clean.reshape(masks.shape), orig_hw, mode="bilinear", align_corners=False)

"""`sam2.sam2_image_predictor`: set an image once, predict masks from prompts as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from torch import Tensor

from splitmask.compat.sam2.base import SAM2Base
from splitmask.compat.sam2.choice import choose_masks
from splitmask.compat.sam2.exceptions import UnfitPointsError
from splitmask.compat.sam2.transforms import SAM2Transforms
from splitmask.types import Features

Array = npt.NDArray[Any]
Arrays = tuple[Array, Array, Array]
Size = tuple[int, int]


class SAM2ImagePredictor:
    """Masks of one image, or of a batch of images, from points, boxes and masks.

    sam_model: from `build_sam2`; mask_threshold: logits above it are inside; max_hole_area,
    max_sprinkle_area: holes and islands up to so many pixels of the low-resolution mask are removed.
    """

    def __init__(
        self,
        sam_model: SAM2Base,
        mask_threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.model = sam_model
        self.mask_threshold = mask_threshold
        self._transforms = SAM2Transforms(
            sam_model.image_size, mask_threshold, max_hole_area, max_sprinkle_area
        )
        self.reset_predictor()

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> Self:
        """A predictor with the weights of a hub repository; keyword arguments go to both constructors."""
        from splitmask.compat.sam2.build_sam import build_sam2_hf

        return cls(build_sam2_hf(model_id, **kwargs), **kwargs)

    @property
    def device(self) -> torch.device:
        return self.model.device

    def reset_predictor(self) -> None:
        """Forgets the image."""
        self._features: list[Features] = []
        self._orig_hw: list[Size] = []
        self._is_batch = False

    @torch.no_grad()
    def set_image(self, image: Array | Image) -> None:
        """Encodes an RGB image: (H, W, 3) uint8 in 0…255, or a PIL image."""
        self.reset_predictor()
        if isinstance(image, Image):
            size = image.size[1], image.size[0]
        elif isinstance(image, np.ndarray):
            size = image.shape[0], image.shape[1]
        else:
            # the class that the official predictor raises
            raise NotImplementedError("Image format not supported: give an (H, W, 3) array or a PIL image")
        self._features = self.model.engine.encode_batch(self._transforms(image)[None])
        self._orig_hw = [size]

    @torch.no_grad()
    def set_image_batch(self, image_list: list[Array]) -> None:
        """Encodes RGB images, (H, W, 3) uint8 each, in one pass."""
        self.reset_predictor()
        if not isinstance(image_list, list) or not all(isinstance(x, np.ndarray) for x in image_list):
            raise AssertionError("set_image_batch takes a list of (H, W, 3) arrays")
        self._features = self.model.engine.encode_batch(self._transforms.forward_batch(image_list))
        self._orig_hw = [(image.shape[0], image.shape[1]) for image in image_list]
        self._is_batch = True

    def predict(
        self,
        point_coords: Array | None = None,
        point_labels: Array | None = None,
        box: Array | None = None,
        mask_input: Array | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> Arrays:
        """Masks of the image.

        point_coords (n, 2) or (b, n, 2), x and y in pixels, or in 0…1 if not `normalize_coords`;
        point_labels (n,) or (b, n), 1 in and 0 out; box (4,) or (b, 4), x0, y0, x1, y1; mask_input
        (1, M, M) or (b, 1, M, M) logits of an earlier prediction. multimask_output: three masks for an
        ambiguous prompt in place of one.
        Returns masks (c, H, W), 0 and 1 or logits, scores (c,) and low-resolution logits (c, M, M); with
        b > 1 objects all of them have a leading b.
        Raises RuntimeError without an image, PromptError for points and labels that do not match.
        """
        return self._predict_one(
            point_coords, point_labels, box, mask_input, multimask_output, return_logits, normalize_coords, -1
        )

    def predict_batch(
        self,
        point_coords_batch: Sequence[Array] | None = None,
        point_labels_batch: Sequence[Array] | None = None,
        box_batch: Sequence[Array] | None = None,
        mask_input_batch: Sequence[Array] | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> tuple[list[Array], list[Array], list[Array]]:
        """`predict` for every image of `set_image_batch`: lists of masks, scores, low-resolution logits."""
        if not self._is_batch:
            raise AssertionError("This function should only be used when in batched mode")
        results = []
        for i in range(len(self._features)):
            coords, labels, box, mask = (
                None if each is None else each[i]
                for each in (point_coords_batch, point_labels_batch, box_batch, mask_input_batch)
            )
            how = (multimask_output, return_logits, normalize_coords, i)
            results.append(self._predict_one(coords, labels, box, mask, *how))
        masks, scores, logits = ([result[k] for result in results] for k in range(3))
        return masks, scores, logits

    def _predict_one(
        self,
        point_coords: Array | None,
        point_labels: Array | None,
        box: Array | None,
        mask_input: Array | None,
        multimask_output: bool,
        return_logits: bool,
        normalize_coords: bool,
        img_idx: int,
    ) -> Arrays:
        self._check_is_set()
        mask, coords, labels, corners = self._prep_prompts(
            point_coords, point_labels, box, mask_input, normalize_coords, img_idx
        )
        results = self._predict(coords, labels, corners, mask, multimask_output, return_logits, img_idx)
        masks, scores, logits = (x.squeeze(0).float().cpu().numpy() for x in results)
        return masks, scores, logits

    def _check_is_set(self) -> None:
        if not self._features:
            raise RuntimeError("An image must be set with .set_image(...) before mask prediction.")

    def _prep_prompts(
        self,
        point_coords: Array | None,
        point_labels: Array | None,
        box: Array | None,
        mask_logits: Array | None,
        normalize_coords: bool,
        img_idx: int = -1,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """Prompts in pixels → mask (b, 1, M, M), points (b, n, 2), labels (b, n), boxes (b, 2, 2) in S×S."""
        coords = labels = corners = mask = None
        if point_coords is not None:
            if point_labels is None:
                raise AssertionError("point_labels must be supplied if point_coords is supplied.")
            coords = self._scaled(point_coords, normalize_coords, img_idx)
            labels = torch.as_tensor(point_labels, dtype=torch.int, device=self.device)
            if coords.dim() == 2:
                coords, labels = coords[None], labels[None]
            if coords.shape[:2] != labels.shape:
                raise UnfitPointsError(
                    f"points of shape {tuple(coords.shape)} and labels of shape {tuple(labels.shape)}: "
                    "give one label for each point"
                )
        if box is not None:
            corners = self._scaled(np.asarray(box).reshape(-1, 2, 2), normalize_coords, img_idx)
        if mask_logits is not None:
            mask = torch.as_tensor(mask_logits, dtype=torch.float, device=self.device)
            mask = mask[None] if mask.dim() == 3 else mask
        return mask, coords, labels, corners

    def _scaled(self, coords: Array, normalize: bool, img_idx: int) -> Tensor:
        tensor = torch.as_tensor(coords, dtype=torch.float, device=self.device)
        return self._transforms.transform_coords(tensor, normalize, self._orig_hw[img_idx])

    @torch.no_grad()
    def _predict(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        img_idx: int = -1,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`predict` on tensors in S×S space: points (b, n, 2), labels (b, n), boxes (b, 2, 2) or (b, 4),
        mask_input (b, 1, M, M) → masks (b, c, H, W), scores (b, c), low-resolution logits (b, c, M, M)."""
        self._check_is_set()
        if boxes is not None:
            corners = boxes.reshape(-1, 2, 2)
            corner_labels = torch.tensor((2, 3), dtype=torch.int, device=boxes.device).expand(len(corners), 2)
            if point_coords is not None and point_labels is not None:
                point_coords = torch.cat((corners, point_coords), dim=1)
                point_labels = torch.cat((corner_labels, point_labels), dim=1)
            else:
                point_coords, point_labels = corners, corner_labels
        decoded = self.model.engine.decode_tensors(
            self._features[img_idx], point_coords, point_labels, mask_input
        )
        low_res, scores, _ = choose_masks(self.model, decoded[0], decoded[1], multimask_output)
        masks = self._transforms.postprocess_masks(low_res, self._orig_hw[img_idx])
        masks = masks if return_logits else masks > self.mask_threshold
        return masks, scores, low_res.clamp(-32.0, 32.0)

    def get_image_embedding(self) -> Tensor:
        """(b, C, S/16, S/16), with what the model adds where it has no memory."""
        if not self._features:
            raise RuntimeError("An image must be set with .set_image(...) to generate an embedding.")
        return torch.cat([features.image_embed for features in self._features])

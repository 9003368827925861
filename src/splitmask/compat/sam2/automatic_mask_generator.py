"""`sam2.automatic_mask_generator`: masks of everything in an image, from a grid of clicks."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from splitmask.compat.sam2 import amg
from splitmask.compat.sam2.base import SAM2Base
from splitmask.compat.sam2.choice import choose_masks
from splitmask.compat.sam2.sam2_image_predictor import SAM2ImagePredictor

Image = npt.NDArray[np.uint8]


class SAM2AutomaticMaskGenerator:
    """Clicks on a grid, keeps what the model is sure of, once each.

    points_per_side: of the grid, or None with `point_grids`, a list of (n, 2) x, y in 0…1 for the image
    and each layer of crops; points_per_batch: decoded at once; pred_iou_thresh, stability_score_thresh:
    what a mask must reach; stability_score_offset: logits by which the cut is moved for the stability;
    box_nms_thresh, crop_nms_thresh: IoU of boxes above which the worse is a duplicate, within a crop and
    between crops; crop_n_layers: layers of 4, 16, … crops to repeat it on; crop_overlap_ratio of the
    shorter side; crop_n_points_downscale_factor: how much coarser each layer's grid is;
    min_mask_region_area: holes and islands up to so many low-resolution pixels are removed;
    output_mode: `binary_mask`, `uncompressed_rle` or `coco_rle`; use_m2m: refine each mask with itself
    as a prompt; multimask_output: three masks a click.
    """

    def __init__(
        self,
        model: SAM2Base,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.8,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        mask_threshold: float = 0.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: list[npt.NDArray[np.float64]] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        use_m2m: bool = False,
        multimask_output: bool = True,
        **kwargs: Any,
    ) -> None:
        if (points_per_side is None) == (point_grids is None):
            raise AssertionError("Exactly one of points_per_side or point_grid must be provided.")
        if output_mode not in ("binary_mask", "uncompressed_rle", "coco_rle"):
            raise AssertionError(f"Unknown output_mode {output_mode}.")
        if points_per_side is not None:
            point_grids = amg.point_grids(points_per_side, crop_n_layers, crop_n_points_downscale_factor)
        assert point_grids is not None
        self.point_grids = point_grids
        self.predictor = SAM2ImagePredictor(
            model, max_hole_area=min_mask_region_area, max_sprinkle_area=min_mask_region_area
        )
        self.points_per_batch = points_per_batch
        self.pred_iou_thresh = pred_iou_thresh
        self.stability_score_thresh = stability_score_thresh
        self.stability_score_offset = stability_score_offset
        self.mask_threshold = mask_threshold
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.output_mode = output_mode
        self.use_m2m = use_m2m
        self.multimask_output = multimask_output

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> Self:
        """A generator with the weights of a hub repository; keyword arguments go to both constructors."""
        from splitmask.compat.sam2.build_sam import build_sam2_hf

        return cls(build_sam2_hf(model_id, **kwargs), **kwargs)

    @torch.no_grad()
    def generate(self, image: Image) -> list[dict[str, Any]]:
        """Masks of an RGB image, (H, W, 3) uint8.

        Each is a dict: `segmentation`, (H, W) bool or run lengths; `area` in pixels; `bbox` x, y, width,
        height; `predicted_iou`; `point_coords` [[x, y]] of the click; `stability_score`; `crop_box` x, y,
        width, height of the crop that it was found in.
        """
        size = image.shape[0], image.shape[1]
        crops = amg.crop_boxes(size, self.crop_n_layers, self.crop_overlap_ratio)
        found = amg.Candidates.join([self._process_crop(image, crop, layer, size) for crop, layer in crops])
        if len(crops) > 1:
            sides = found.crops[:, 2:] - found.crops[:, :2]
            smaller_first = 1 / (sides[:, 0] * sides[:, 1])
            found = found.take(amg.suppress(found.boxes, smaller_first, self.crop_nms_thresh))
        return [self._record(found, i) for i in range(len(found.rles))]

    def _record(self, found: amg.Candidates, i: int) -> dict[str, Any]:
        rle = found.rles[i]
        return {
            "segmentation": self._encoded(rle),
            "area": sum(rle["counts"][1::2]),
            "bbox": _to_xywh(found.boxes[i]),
            "predicted_iou": found.ious[i].item(),
            "point_coords": [found.points[i].tolist()],
            "stability_score": found.stability[i].item(),
            "crop_box": _to_xywh(found.crops[i]),
        }

    def _encoded(self, rle: amg.RunLengths) -> amg.RunLengths | npt.NDArray[np.bool_]:
        if self.output_mode == "binary_mask":
            return amg.rle_to_mask(rle)
        return amg.coco_rle(rle) if self.output_mode == "coco_rle" else rle

    def _process_crop(self, image: Image, crop: amg.Box, layer: int, size: tuple[int, int]) -> amg.Candidates:
        x0, y0, x1, y1 = crop
        self.predictor.set_image(image[y0:y1, x0:x1])
        points = torch.as_tensor(self.point_grids[layer] * np.array([x1 - x0, y1 - y0]), dtype=torch.float32)
        batches = torch.split(points, self.points_per_batch)
        found = amg.Candidates.join([self._process_batch(batch, crop, size) for batch in batches])
        self.predictor.reset_predictor()
        found = found.take(amg.suppress(found.boxes, found.ious, self.box_nms_thresh))
        found.boxes = found.boxes + torch.tensor((x0, y0, x0, y0))
        found.points = found.points + torch.tensor((x0, y0))
        return found

    def _process_batch(self, points: Tensor, crop: amg.Box, size: tuple[int, int]) -> amg.Candidates:
        """Clicks (n, 2), in pixels of the crop → what passes the thresholds, boxes in the crop."""
        low_res, ious, points = self._decode(points, (crop[3] - crop[1], crop[2] - crop[0]))
        if self.pred_iou_thresh > 0:
            keep = ious > self.pred_iou_thresh
            low_res, ious, points = low_res[keep], ious[keep], points[keep]
        # only what the model is sure of is enlarged, a part at a time
        side = max(1, self.points_per_batch)
        parts = zip(*(torch.split(x, side) for x in (low_res, ious, points)), strict=True)
        cut = [self._cut(logits, scores, clicks, crop, size) for logits, scores, clicks in parts]
        return amg.Candidates.join(cut)

    def _decode(self, points: Tensor, hw: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """→ logits (k, M, M), predicted IoUs (k,) and the click of each (k, 2)."""
        low_res, ious = self._decode_clicks(points, hw, None, self.multimask_output)
        points = points.repeat_interleave(low_res.shape[1], dim=0)
        low_res, ious = low_res.flatten(0, 1), ious.flatten(0, 1)
        if self.use_m2m:
            parts = zip(
                torch.split(points, self.points_per_batch),
                torch.split(low_res.clamp(-32.0, 32.0), self.points_per_batch),
                strict=True,
            )
            refined = [self._decode_clicks(p, hw, logits[:, None], False) for p, logits in parts]
            low_res = torch.cat([logits[:, 0] for logits, _ in refined])
            ious = torch.cat([scores[:, 0] for _, scores in refined])
        return low_res, ious, points

    def _decode_clicks(
        self, points: Tensor, hw: tuple[int, int], mask: Tensor | None, multimask: bool
    ) -> tuple[Tensor, Tensor]:
        predictor = self.predictor
        coords = predictor._transforms.transform_coords(points.to(predictor.device), True, hw)[:, None]
        labels = torch.ones(coords.shape[:2], dtype=torch.int, device=coords.device)
        features = predictor._features[-1]
        decoded = predictor.model.engine.decode_tensors(features, coords, labels, mask)
        return choose_masks(predictor.model, decoded[0].float(), decoded[1].float(), multimask)[:2]

    def _cut(
        self, low_res: Tensor, ious: Tensor, points: Tensor, crop: amg.Box, size: tuple[int, int]
    ) -> amg.Candidates:
        hw = (crop[3] - crop[1], crop[2] - crop[0])
        logits = self.predictor._transforms.postprocess_masks(low_res[:, None], hw)[:, 0]
        stability = amg.stability_score(logits, self.mask_threshold, self.stability_score_offset)
        masks = logits > self.mask_threshold
        boxes = amg.boxes_of(masks)
        keep = ~amg.touches_crop_edge(boxes, crop, size)
        if self.stability_score_thresh > 0:
            keep &= stability >= self.stability_score_thresh
        rles = amg.run_lengths(amg.uncrop(masks[keep], crop, size))
        crops = torch.tensor(crop, device=keep.device).expand(len(boxes), 4)
        kept = (x[keep].cpu() for x in (boxes, ious, stability, points.to(keep.device), crops))
        return amg.Candidates(rles, *kept)


def _to_xywh(box: Tensor) -> list[float]:
    x0, y0, x1, y1 = box.tolist()
    return [float(x0), float(y0), float(x1 - x0), float(y1 - y0)]

"""Parts of automatic mask generation: grids of points, crops, scores, duplicates, run lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.masks.rle import runs_to_counts

Box = tuple[int, int, int, int]  # x0, y0, x1, y1
RunLengths = dict[str, Any]  # {"size": [h, w], "counts": column-major runs, the first of zeros}


@dataclass(slots=True)
class Candidates:
    """k masks on their way to the result. Tensors are on the CPU but for those of `Predictions`."""

    rles: list[RunLengths]
    boxes: Tensor  # (k, 4) x0, y0, x1, y1
    ious: Tensor  # (k,) predicted
    stability: Tensor  # (k,)
    points: Tensor  # (k, 2) x, y of the click
    crops: Tensor  # (k, 4) x0, y0, x1, y1 of the crop

    @classmethod
    def join(cls, parts: list[Candidates]) -> Candidates:
        tensors = (torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)[1:])
        return cls([rle for part in parts for rle in part.rles], *tensors)

    def take(self, keep: Tensor) -> Candidates:
        """Those at the indices `keep`, in its order."""
        tensors = (getattr(self, f.name)[keep] for f in fields(self)[1:])
        return Candidates([self.rles[i] for i in keep.tolist()], *tensors)


def point_grid(side: int) -> npt.NDArray[np.float64]:
    """(side², 2) x, y in 0…1: the centres of side×side cells, row by row."""
    line = np.linspace(1 / (2 * side), 1 - 1 / (2 * side), side)
    x, y = np.meshgrid(line, line)
    return np.stack((x, y), axis=-1).reshape(-1, 2)


def point_grids(side: int, layers: int, downscale: int) -> list[npt.NDArray[np.float64]]:
    """A grid for the image and for the crops of each layer, coarser from layer to layer."""
    return [point_grid(int(side / downscale**layer)) for layer in range(layers + 1)]


def crop_boxes(size: tuple[int, int], layers: int, overlap_ratio: float) -> list[tuple[Box, int]]:
    """size (h, w) → crops and the layer of each: the image itself, then 4, 16, … that overlap."""
    h, w = size
    crops: list[tuple[Box, int]] = [((0, 0, w, h), 0)]
    for layer in range(1, layers + 1):
        n = 2**layer
        overlap = int(overlap_ratio * min(h, w) * (2 / n))
        crop_w, crop_h = (math.ceil((overlap * (n - 1) + length) / n) for length in (w, h))
        xs, ys = ([(side - overlap) * i for i in range(n)] for side in (crop_w, crop_h))
        crops += [((x, y, min(x + crop_w, w), min(y + crop_h, h)), layer) for x, y in product(xs, ys)]
    return crops


def stability_score(logits: Tensor, threshold: float, offset: float) -> Tensor:
    """(k, H, W) → (k,): IoU of the masks cut `offset` above and below the threshold."""
    inner = (logits > threshold + offset).flatten(1).sum(dim=1, dtype=torch.int32)
    outer = (logits > threshold - offset).flatten(1).sum(dim=1, dtype=torch.int32)
    return inner / outer


def boxes_of(masks: Tensor) -> Tensor:
    """(k, H, W) bool → (k, 4) first and last column and row inside, x0, y0, x1, y1; zeros if empty."""
    h, w = masks.shape[-2:]
    rows, columns = masks.any(dim=2).long(), masks.any(dim=1).long()
    y0, x0 = rows.argmax(dim=1), columns.argmax(dim=1)
    y1, x1 = h - 1 - rows.flip(1).argmax(dim=1), w - 1 - columns.flip(1).argmax(dim=1)
    return torch.stack((x0, y0, x1, y1), dim=1) * rows.any(dim=1)[:, None]


def touches_crop_edge(boxes: Tensor, crop: Box, size: tuple[int, int], tolerance: float = 20.0) -> Tensor:
    """(k, 4) boxes within the crop → (k,): an edge lies at the crop's edge where the image goes on."""
    x0, y0 = crop[:2]
    moved = (boxes + boxes.new_tensor((x0, y0, x0, y0))).float()
    at_crop = (moved - moved.new_tensor(crop)).abs() <= tolerance
    at_image = (moved - moved.new_tensor((0, 0, size[1], size[0]))).abs() <= tolerance
    return (at_crop & ~at_image).any(dim=1)


def uncrop(masks: Tensor, crop: Box, size: tuple[int, int]) -> Tensor:
    """(k, h, w) masks of a crop → (k, H, W) of the image."""
    x0, y0, x1, y1 = crop
    return F.pad(masks, (x0, size[1] - x1, y0, size[0] - y1))


def suppress(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes kept, best first: of two whose IoU is above the threshold, the better.

    boxes (k, 4) x0, y0, x1, y1; scores (k,); of equal scores the first wins.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes.float()[order]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    for i in range(len(order)):
        if not alive[i]:
            continue
        low = torch.maximum(boxes[i, :2], boxes[i + 1 :, :2])
        high = torch.minimum(boxes[i, 2:], boxes[i + 1 :, 2:])
        overlap = (high - low).clamp(min=0).prod(dim=1)
        alive[i + 1 :] &= ~(overlap / (areas[i] + areas[i + 1 :] - overlap) > iou_threshold)
    return order[alive]


def run_lengths(masks: Tensor) -> list[RunLengths]:
    """(k, H, W) bool → uncompressed COCO run lengths of each."""
    results = []
    size = list(masks.shape[1:])
    for mask in masks.cpu().numpy():
        flat = np.concatenate(([False], mask.ravel(order="F")))
        flips = np.flatnonzero(flat[1:] != flat[:-1])
        runs = np.diff(np.concatenate(([0], flips, [flat.size - 1])))
        results.append({"size": size, "counts": runs.tolist()})
    return results


def rle_to_mask(rle: RunLengths) -> npt.NDArray[np.bool_]:
    """→ (H, W)."""
    h, w = rle["size"]
    counts = rle["counts"]
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(w, h).T


def coco_rle(rle: RunLengths) -> RunLengths:
    """The same with compressed counts, as pycocotools writes them."""
    return {"size": rle["size"], "counts": runs_to_counts(rle["counts"])}

"""Answers with NaN or infinity in them are refused: what follows would take them for empty masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from splitmask.errors import ModelError
from splitmask.types import Decoded, Features, FloatArray


def is_finite(decoded: Decoded) -> bool:
    """Whether all numbers are; of four masks it takes less than a hundredth of decoding them."""
    parts = decoded.ious, decoded.presence, decoded.pointers, decoded.masks
    return all(bool(np.isfinite(each).all()) for each in parts)


def not_finite(decoded: Decoded, given: Features, why: str) -> ModelError:
    """The error for such an answer, which names where it begins. given: as arrays, what was decoded."""
    maps = {
        "image_embed": given.image_embed,
        "high_res_feats_0": given.high_res_feats_0,
        "high_res_feats_1": given.high_res_feats_1,
    }
    answers = {
        "masks": decoded.masks,
        "iou_predictions": decoded.ious,
        "object_score_logits": decoded.presence,
        "object_pointer": decoded.pointers,
    }
    broken = _broken(maps) or [f"the mask decoder's {name}" for name in _broken(answers)]
    return ModelError(f"there is NaN or infinity in {broken[0]}: {why}")


def _broken(arrays: Mapping[str, FloatArray]) -> list[str]:
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]

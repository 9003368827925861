"""How much a mask changes if its threshold moves."""

from __future__ import annotations

import numpy as np

from splitmask.types import FloatArray


def stability_score(logits: FloatArray, offset: float, threshold: float = 0.0) -> FloatArray:
    """(…, H, W) → (…,) 0…1: the area above `threshold + offset` over that above `threshold - offset`.

    1 where both are empty. From SAM (Kirillov et al. 2023, "Segment Anything", appendix B), with the
    empty case as in SAM 2.
    """
    inner = np.count_nonzero(logits > threshold + offset, axis=(-2, -1))
    outer = np.count_nonzero(logits > threshold - offset, axis=(-2, -1))
    return np.where(outer > 0, inner / np.maximum(outer, 1), 1.0).astype(np.float32)

"""The values that travel between the rooms. Frozen; every array field has its shape beside it.

Letters in shapes: `b` objects, `n` points, `c` channels, `h w` the grid at stride 16, `H W` the
frame as given, `S` the model's square input, `M = S / 4` the side of a low-resolution mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

# A tensor of an engine: a numpy array, a torch tensor, an OrtValue. Only its engine looks inside.
Tensor = Any


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a clip, upright (rotation of the container applied)."""

    index: int  # 0-based, presentation order
    image: ByteArray  # (H, W, 3) RGB
    pts: Fraction | None = None  # seconds from the clip's start; None for stills

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What a person says about one object on one frame. Coordinates: pixels of the frame, (x, y)."""

    points: FloatArray = field(default_factory=lambda: np.zeros((0, 2), np.float32))  # (n, 2) x, y
    labels: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # (n,) 1 in, 0 out
    box: FloatArray | None = None  # (4,) x0, y0, x1, y1
    mask: BoolArray | None = None  # (H, W)

    @property
    def is_empty(self) -> bool:
        return not len(self.points) and self.box is None and self.mask is None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Features:
    """What `encode` makes of a frame, or `recall` of features: opaque to all but their engine.

    `image_embed` includes `no_mem_embed` when it comes from `encode`; what `recall` returns goes to
    `decode` as it is.
    """

    image_embed: Tensor  # (1 | b, c, h, w)
    high_res_feats_0: Tensor  # (1, c/8, 4h, 4w)
    high_res_feats_1: Tensor  # (1, c/4, 2h, 2w)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Memory:
    """What `remember` keeps of one object on one frame. Identity is what engines key caches by."""

    map: Tensor  # (cm, h', w')


@dataclass(frozen=True, slots=True, eq=False)
class Recollection:
    """What one object attends to on one frame, chosen by the session's policy."""

    # (memory, slot): slot 0 a prompted frame, 1…6 how many kept frames ago
    memories: tuple[tuple[Memory, int], ...]
    # (pointer (c,), dt): signed time to the pointer's frame, divided as the policy says
    pointers: tuple[tuple[FloatArray, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What `decode` says of b objects, before any policy. Token 0 is the single-mask token."""

    masks: FloatArray  # (b, 4, M, M) logits
    ious: FloatArray  # (b, 4) predicted IoU
    presence: FloatArray  # (b,) logit: is the object in the frame
    pointers: FloatArray  # (b, 4, c)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """One object's mask on one frame, as a session gives it out."""

    logits: FloatArray  # (M, M), in the stretched square of the model
    score: float  # predicted IoU, 0…1
    presence: float  # logit; ≤ 0 says that the object is not in the frame
    size: tuple[int, int]  # (H, W) of the frame

"""Which of the decoder's four masks counts, and what becomes of it.

Token 0 answers unambiguous prompts, tokens 1–3 offer three readings of an ambiguous one. The rules
are those of SAM 2's official predictors (Ravi et al. 2024): video, after at most one point or none,
takes the best of 1–3 with that token's pointer; more points or a box take token 0, unless that mask
is unstable; presence then decides whether there is an object at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from splitmask.engine.base import PolicyConstants
from splitmask.masks.resize import mask_to_square
from splitmask.types import BoolArray, Decoded, FloatArray

NO_OBJECT_LOGIT = -1024.0
MASK_PROMPT_LOGIT = 10.0
FEEDBACK_LIMIT = 32.0  # beyond it, logits fed back are rare numerical accidents
STABILITY_DELTA = 0.05
STABILITY_THRESHOLD = 0.98

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What one object is on one frame, after policy."""

    logits: FloatArray  # (M, M)
    pointer: FloatArray  # (c,)
    score: float  # predicted IoU of the mask that was taken
    presence: float  # logit; ≤ 0: not in the frame


def clamp_feedback(logits: FloatArray) -> FloatArray:
    """(M, M) → (1, 1, M, M): logits as a next decoding of the same frame takes them."""
    return np.clip(logits, -FEEDBACK_LIMIT, FEEDBACK_LIMIT)[None, None]


def is_ambiguous(points: int) -> bool:
    """Whether so many points, box corners counted, ask for the best of masks 1–3 in a video."""
    return points <= 1


def best_of_three(ious: FloatArray) -> Tokens:
    """(b, 4) predicted IoUs → (b,) token 1, 2 or 3; the first of equals."""
    return cast(Tokens, np.argmax(ious[:, 1:], axis=1) + 1)


def stability(logits: FloatArray) -> FloatArray:
    """(b, M, M) → (b,) area above +0.05 over area above −0.05; 1 where both are empty."""
    inner = np.count_nonzero(logits > np.float32(STABILITY_DELTA), axis=(1, 2))
    outer = np.count_nonzero(logits > np.float32(-STABILITY_DELTA), axis=(1, 2))
    ratio = np.where(outer > 0, inner / np.maximum(outer, 1), 1.0)
    return cast(FloatArray, ratio.astype(np.float32))


def single_mask(decoded: Decoded) -> Tokens:
    """(b,) token 0, or the best of 1–3 where the mask of token 0 is unstable."""
    stable = stability(decoded.masks[:, 0]) >= np.float32(STABILITY_THRESHOLD)
    return cast(Tokens, np.where(stable, 0, best_of_three(decoded.ious)))


def video_outputs(decoded: Decoded, ambiguous: bool, no_obj_ptr: FloatArray) -> list[Output]:
    """The policy of a video frame, for all b objects of a decoding.

    The pointer follows the mask among tokens 1–3, but stays token 0's where token 0 was asked for.
    """
    tokens = best_of_three(decoded.ious) if ambiguous else single_mask(decoded)
    outputs = []
    for i, token in enumerate(tokens):
        presence = float(decoded.presence[i])
        present = presence > 0
        logits = decoded.masks[i, token]
        pointer = decoded.pointers[i, token if ambiguous else 0]
        outputs.append(
            Output(
                logits if present else np.full_like(logits, NO_OBJECT_LOGIT),
                pointer if present else no_obj_ptr,
                float(decoded.ious[i, token]),
                presence,
            )
        )
    return outputs


def square_mask(mask: BoolArray, side: int) -> FloatArray:
    """(H, W) → (S, S) of 0 and 1, antialiased on the way, cut at one half."""
    return (mask_to_square(mask, side) >= 0.5).astype(np.float32)


def mask_prompt_logits(square: FloatArray) -> FloatArray:
    """(S, S) of 0 and 1 → (S/4, S/4) logits: ±10, antialiased down."""
    full = square * (2 * MASK_PROMPT_LOGIT) - MASK_PROMPT_LOGIT
    return mask_to_square(full, len(square) // 4)


def pointer_mask_input(square: FloatArray, constants: PolicyConstants) -> FloatArray:
    """(S, S) of 0 and 1 → (1, 1, S/4, S/4): the learned 4×4 downsampler that a mask prompt's pointer
    is decoded with."""
    m = len(square) // 4
    blocks = square.reshape(m, 4, m, 4)
    down: FloatArray = np.einsum("iajb,ab->ij", blocks, constants.mask_downsample_weight)
    return (down + np.float32(constants.mask_downsample_bias))[None, None]


def mask_prompt_output(square: FloatArray, decoded: Decoded, no_obj_ptr: FloatArray) -> Output:
    """A mask prompt is itself the output; only its pointer is decoded.

    `decoded` comes from the unconditioned features with `pointer_mask_input`. The pointer is token
    0's where the decoder sees the object and the mask is not empty.
    """
    given = bool(square.any())
    seen = given and float(decoded.presence[0]) > 0
    return Output(
        mask_prompt_logits(square),
        decoded.pointers[0, 0] if seen else no_obj_ptr,
        1.0,
        MASK_PROMPT_LOGIT if given else -MASK_PROMPT_LOGIT,
    )

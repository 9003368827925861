"""A deterministic engine that needs no weights: it takes what looks like one of the colours pointed at.

`encode` keeps the colours, `decode` compares each place with those under positive and negative points
(and the box's middle), `remember` keeps the colours under a mask, `recall` brings them back. So masks
improve with clicks where an object has several colours, and objects are followed by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from splitmask.engine.base import PolicyConstants
from splitmask.engine.preprocess import stretch
from splitmask.presets import TEST_CONV
from splitmask.types import BoolArray, ByteArray, Decoded, Features, FloatArray, Memory, Recollection

SIDE = 256
M = SIDE // 4
PRESET = replace(TEST_CONV, name="colours", image_size=SIDE, dim=4)
REACH = 60.0  # of 255: how far from a colour still counts as the same
Colours = npt.NDArray[np.float32]  # (n, 3)


@dataclass(frozen=True, eq=False)
class Seen:
    """What `image_embed` is here: the picture, and per object the colours remembered of it."""

    picture: FloatArray  # (M, M, 3)
    remembered: tuple[Colours, ...] = ()


class ColourEngine:
    """`encoded` counts the pictures that were encoded."""

    preset = PRESET
    description = "colours · numpy"
    weights_sha256 = "c" * 64
    max_prompted = -1
    constants = PolicyConstants(np.zeros(4, np.float32), np.full((4, 4), 1 / 16, np.float32), 0.0)

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, image: ByteArray) -> Features:
        self.encoded += 1
        picture = stretch(image, SIDE).astype(np.float32).reshape(M, 4, M, 4, 3).mean((1, 3))
        return Features(Seen(picture), None, None)

    def unconditioned(self, features: Features) -> Features:
        return features

    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        remembered = tuple(
            np.concatenate([memory.map for memory, _ in each.memories]) for each in recollections
        )
        return Features(Seen(features.image_embed.picture, remembered), None, None)

    def decode(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None = None
    ) -> Decoded:
        seen: Seen = features.image_embed
        remembered = seen.remembered or (np.zeros((0, 3), np.float32),) * len(points)
        masks = np.stack(
            [self._mask(seen.picture, *each) for each in zip(points, labels, remembered, strict=True)]
        )
        b = len(masks)
        # Token 2 is the answer, tokens 1 and 3 say of themselves that they are worse. Token 0 equals 2.
        tokens = np.stack([masks, masks - 30, masks, masks + 30], axis=1)
        presence = np.where((masks > 0).any(axis=(1, 2)), 5.0, -5.0).astype(np.float32)
        return Decoded(
            tokens,
            np.tile(np.float32([0.9, 0.5, 0.9, 0.5]), (b, 1)),
            presence,
            np.zeros((b, 4, 4), np.float32),
        )

    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        picture = features.image_embed.picture
        return [Memory(_palette(picture, logits[0] > 0)) for logits in mask_logits]

    def _mask(
        self, picture: FloatArray, points: FloatArray, labels: FloatArray, remembered: Colours
    ) -> FloatArray:
        at = np.clip((points / 4).astype(int), 0, M - 1)
        inside = np.ones((M, M), bool)
        wanted, unwanted = at[labels == 1], at[labels == 0]
        if (labels == 2).any():
            (x0, y0), (x1, y1) = points[labels == 2][0] / 4, points[labels == 3][0] / 4
            inside[:] = False
            inside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
            wanted = np.concatenate((wanted, [[int((x0 + x1) / 2), int((y0 + y1) / 2)]]))
        near = _distance(picture, np.concatenate((picture[wanted[:, 1], wanted[:, 0]], remembered)))
        far = _distance(picture, picture[unwanted[:, 1], unwanted[:, 0]])
        logits = np.minimum(REACH - near, far - near)
        return np.where(inside, logits, -REACH).clip(-REACH, REACH).astype(np.float32)


def _distance(picture: FloatArray, colours: Colours) -> FloatArray:
    """(M, M) to the nearest of the colours; far away if there are none."""
    if not len(colours):
        return np.full(picture.shape[:2], 1e3, np.float32)
    return np.min([np.abs(picture - colour).max(axis=2) for colour in colours], axis=0)


def _palette(picture: FloatArray, inside: BoolArray) -> Colours:
    """The distinct colours under a mask, to 64 levels apart."""
    found = picture[inside]
    if not len(found):
        return np.zeros((0, 3), np.float32)
    _, first = np.unique((found / 64).round(), axis=0, return_index=True)
    return found[first]

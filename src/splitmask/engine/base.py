"""The four verbs, as every engine speaks them.

An engine is stateless but for a droppable cache keyed by the identity of `Features` and `Memory`
objects: calling a verb twice gives the same answer, and any number of threads may call it. Policy
(which memories, which mask, what is stale) is not here but in `splitmask.session`.

The split into four graphs follows the structure of SAM 2 (Ravi et al. 2024, "SAM 2: Segment
Anything in Images and Videos").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from splitmask.presets import Preset
from splitmask.types import ByteArray, Decoded, Features, FloatArray, Memory, Recollection


@dataclass(frozen=True, slots=True, eq=False)
class PolicyConstants:
    """The few learned numbers that policy needs outside the graphs."""

    no_obj_ptr: FloatArray  # (c,) the pointer of an object that is not in the frame
    mask_downsample_weight: FloatArray  # (4, 4) mask prompt → mask_input, stride 4
    mask_downsample_bias: float


class Engine(Protocol):
    """One model, ready to run. Implementations: `engine.torch.TorchEngine`, `engine.ort.OrtEngine`."""

    @property
    def preset(self) -> Preset: ...

    @property
    def constants(self) -> PolicyConstants: ...

    @property
    def description(self) -> str:
        """For people: model, runtime, device. E.g. `nano · onnxruntime 1.31 · CPU`."""
        ...

    @property
    def weights_sha256(self) -> str: ...

    @property
    def max_prompted(self) -> int:
        """How many prompted frames `recall` takes at most, 2 or more; −1: any number."""
        ...

    def encode(self, image: ByteArray) -> Features:
        """Frame (H, W, 3) uint8 RGB → features. Stretches to S×S the way the preset says."""
        ...

    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        """Features of a frame, one recollection per object → features conditioned on the past.

        Each recollection holds at least one memory. The result's `image_embed` is (b, c, h, w) with
        b = len(recollections); the high-resolution maps are passed on.
        """
        ...

    def decode(
        self,
        features: Features,
        points: FloatArray,
        labels: FloatArray,
        mask_input: FloatArray | None = None,
    ) -> Decoded:
        """Prompts of b objects → masks.

        points (b, n, 2) in the model's S×S space (x, y), n ≥ 1 (no point: one (0, 0) labelled −1);
        labels (b, n): 1 in, 0 out, 2/3 box corners, −1 none; mask_input (b, 1, M, M) logits.
        `features.image_embed` may be (1, …) for any b, or (b, …).
        Raises ModelError for an answer with NaN or infinity in it.
        """
        ...

    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        """Features of a frame (from `encode`) and b masks → b memories.

        mask_logits (b, 1, k, k); binarize (b,) 1 where the mask came from clicks; presence (b,) logits.
        """
        ...

    def unconditioned(self, features: Features) -> Features:
        """Features from `encode` without `no_mem_embed`: what a mask prompt's pointer is decoded from."""
        ...

    def to_arrays(self, features: Features) -> Features:
        """The same features as float32 numpy arrays, to be kept or sent elsewhere."""
        ...

    def from_arrays(self, features: Features) -> Features:
        """The inverse: features of numpy arrays, as this engine's verbs take them."""
        ...

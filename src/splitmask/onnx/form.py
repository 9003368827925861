"""How graphs are written: precision, masks, fixed shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from splitmask.engine.graphs import MOST_MEMORIES, MOST_POINTERS
from splitmask.errors import ModelError
from splitmask.presets import Preset

Precision = Literal["fp32", "fp16", "int8", "fp16-storage"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8", "fp16-storage")
# how parameters are kept; int8: products with them are made in integers, what remains is kept as fp16
Storage = Literal["fp32", "fp16", "int8"]
Ranges = Mapping[str, tuple[float, float]]

MASKS = 4
# the graph whose products are worth the loss of digits; the others take a small part of the time
IN_INTEGERS = "image_encoder"


@dataclass(frozen=True, slots=True)
class Form:
    """precision: `fp16-storage` keeps parameters of 1024 numbers and more as float16 and computes in
    float32; `fp16` computes in float16 too, for GPUs; `int8` makes the encoder's products in integers, for
    CPUs, and keeps the rest as `fp16-storage` does. Boundaries are float32 in all of them.

    masks: 4, or 3 for runners that know tokens 1…3 only. upscale: 1, or 2 for masks of S/2 instead of S/4.
    points: a fixed number of points; it fixes every other free dimension as well. ranges: of what `int8`
    keeps in bytes between convolutions.
    """

    precision: Precision = "fp16-storage"
    masks: int = MASKS
    upscale: int = 1
    points: int | None = None
    ranges: Ranges = field(default_factory=dict)

    def storage(self, graph: str) -> Storage:
        if self.precision == "fp32":
            return "fp32"
        return "int8" if self.precision == "int8" and graph == IN_INTEGERS else "fp16"

    def sizes(self, preset: Preset) -> dict[str, int]:
        """Free dimensions that are fixed: one image, one object, a full memory."""
        if self.points is None:
            return {}
        side = preset.mask_size * self.upscale
        return {
            "images": 1,
            "objects": 1,
            "points": self.points,
            "mask_height": side,
            "mask_width": side,
            "memories": MOST_MEMORIES,
            "pointers": MOST_POINTERS,
        }


def upscale_of(preset: Preset, mask_size: int | None) -> int:
    """1 or 2 for a side of masks. Raises ModelError for any other."""
    small = preset.mask_size
    if mask_size not in (None, small, 2 * small):
        raise ModelError(
            f"{preset.name} gives masks of {small} or {2 * small} pixels a side, not {mask_size}"
        )
    return 1 if mask_size in (None, small) else 2

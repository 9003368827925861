"""Mask pictures: one black-and-white PNG per object and frame, or one indexed PNG per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from splitmask.export.base import Exporter, Masks, Writer
from splitmask.result import ObjectInfo
from splitmask.types import ByteArray, Frame


class PngWriter(Writer):
    """`masks/<object id>/<frame>.png`, 8 bits, 0 or 255; an object not in the frame is all black."""

    def _start(self) -> None:
        for item in self.objects:
            (self.staging / str(item.id)).mkdir(parents=True)
        self.staging.mkdir(exist_ok=True)

    def _add(self, frame: Frame, masks: Masks) -> None:
        empty = np.zeros(frame.size, np.bool_)
        for item in self.objects:
            picture = Image.fromarray(masks.get(item.id, empty).astype(np.uint8) * np.uint8(255))
            name = self.clip.frame_name(frame.index, ".png")
            picture.save(self.staging / str(item.id) / name, compress_level=3)


class DavisWriter(Writer):
    """`davis/<frame>.png`: palette pictures whose pixels are object numbers, 0 for background.

    The form of the DAVIS challenge's annotations (Pont-Tuset et al. 2017). Later objects lie above
    earlier ones. The number is the object's id where all ids are 1…255, otherwise its place.
    """

    def _start(self) -> None:
        self.staging.mkdir()
        self._numbers = object_numbers(self.objects)

    def _add(self, frame: Frame, masks: Masks) -> None:
        indices = np.zeros(frame.size, np.uint8)
        for item in self.objects:
            if item.id in masks:
                indices[masks[item.id]] = self._numbers[item.id]
        picture = Image.fromarray(indices)
        picture.putpalette(davis_palette().tobytes())
        picture.save(self.staging / self.clip.frame_name(frame.index, ".png"), compress_level=3)


def object_numbers(objects: Sequence[ObjectInfo]) -> dict[int, int]:
    """Object id → its pixel value in an indexed picture."""
    if all(1 <= item.id <= 255 for item in objects):
        return {item.id: item.id for item in objects}
    return {item.id: place for place, item in enumerate(objects, 1)}


def davis_palette() -> ByteArray:
    """(256, 3): PASCAL VOC's colour map, which DAVIS uses: an index's bits dealt to the three channels."""
    index = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


PNG = Exporter("png", "Mask pictures, one per object and frame", "masks", PngWriter)
DAVIS = Exporter("davis", "Indexed pictures as in DAVIS", "davis", DavisWriter)

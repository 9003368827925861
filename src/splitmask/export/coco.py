"""COCO instance annotations: images, annotations, categories (Lin et al. 2014)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from splitmask.export.base import ClipInfo, Exporter, Masks, Writer, category_numbers
from splitmask.masks import rle
from splitmask.masks.polygons import join_rings, mask_to_polygons
from splitmask.result import ObjectInfo
from splitmask.types import BoolArray, Frame

TOLERANCE = 0.5  # pixels that a polygon may be off the mask's outline


class CocoWriter(Writer):
    """One file; an image per frame, an annotation per object in it, a category per object name.

    Frames of a clip are named `000012.jpg`, a still by its own name; `track_id` is the object's id.
    Polygons have holes joined to their outline by a bridge, as the format knows none; `exact` writes
    run-length codes instead.
    """

    def __init__(
        self, target: Path, clip: ClipInfo, objects: Sequence[ObjectInfo], exact: bool = False
    ) -> None:
        self._exact = exact
        self._categories = category_numbers(objects, first=1)
        self._indices: list[int] = []
        self._annotations = 0
        super().__init__(target, clip, objects)

    def _start(self) -> None:
        self._file = self._resources.enter_context(self.staging.open("w", encoding="utf-8"))
        self._file.write('{"annotations":[')

    def _add(self, frame: Frame, masks: Masks) -> None:
        self._indices.append(frame.index)
        for item in self.objects:
            if item.id in masks and masks[item.id].any():
                self._annotations += 1
                record = self._annotation(item, masks[item.id])
                self._file.write(("\n" if self._annotations == 1 else ",\n") + _dump(record))

    def _annotation(self, item: ObjectInfo, mask: BoolArray) -> dict[str, Any]:
        code = rle.encode(mask)
        x0, y0, x1, y1 = rle.bbox(code)
        return {
            "id": self._annotations,
            "image_id": len(self._indices),
            "category_id": self._categories[item.name],
            "segmentation": code.to_json() if self._exact else _polygons(mask),
            "area": rle.area(code),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": 0,
            "track_id": item.id,
        }

    def _finish(self) -> None:
        images = [self._image(number, index) for number, index in enumerate(self._indices, 1)]
        categories = [{"id": number, "name": name} for name, number in self._categories.items()]
        info = {"description": f"{self.clip.name}, segmented with splitmask"}
        self._file.write('\n],"images":' + _dump(images))
        self._file.write(f',"categories":{_dump(categories)},"info":{_dump(info)}}}\n')

    def _image(self, number: int, index: int) -> dict[str, Any]:
        name = self.clip.name if self.clip.is_still else self.clip.frame_name(index, ".jpg")
        return {"id": number, "file_name": name, "width": self.clip.width, "height": self.clip.height}


def _polygons(mask: BoolArray) -> list[list[float]]:
    return [join_rings(polygon.rings).ravel().tolist() for polygon in mask_to_polygons(mask, TOLERANCE)]


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


COCO = Exporter("coco", "COCO instances, polygons", "coco.json", CocoWriter)
COCO_RLE = Exporter("coco_rle", "COCO instances, exact", "coco_rle.json", partial(CocoWriter, exact=True))

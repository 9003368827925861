"""Segmentation labels as the YOLO family trains on: a text file per frame, a line per object."""

from __future__ import annotations

import json

import numpy as np

from splitmask.export.base import Exporter, Masks, Writer, category_numbers
from splitmask.masks.polygons import join_rings, mask_to_polygons
from splitmask.types import BoolArray, Frame

TOLERANCE = 0.5  # pixels that a polygon may be off the mask's outline


class YoloWriter(Writer):
    """`yolo/labels/<frame>.txt`: `class x y x y …`, coordinates from 0 to 1; `yolo/data.yaml` names classes.

    Classes are the distinct object names, from 0. A line is one ring: parts and holes are joined by
    bridges that cover no area. A frame without objects has an empty file, which marks it as background.
    """

    def _start(self) -> None:
        self._classes = category_numbers(self.objects, first=0)
        (self.staging / "labels").mkdir(parents=True)

    def _add(self, frame: Frame, masks: Masks) -> None:
        lines = [
            f"{self._classes[item.name]} {_ring(masks[item.id])}\n"
            for item in self.objects
            if item.id in masks and masks[item.id].any()
        ]
        name = self.clip.frame_name(frame.index, ".txt")
        (self.staging / "labels" / name).write_text("".join(lines), encoding="utf-8")

    def _finish(self) -> None:
        names = "".join(f"  {number}: {json.dumps(name)}\n" for name, number in self._classes.items())
        text = f"path: .\ntrain: images\nval: images\nnames:\n{names}"
        (self.staging / "data.yaml").write_text(text, encoding="utf-8")


def _ring(mask: BoolArray) -> str:
    rings = [ring for polygon in mask_to_polygons(mask, TOLERANCE) for ring in polygon.rings]
    scaled = join_rings(rings) / np.array(mask.shape[::-1])
    return " ".join(f"{value:.6f}" for value in scaled.ravel())


YOLO = Exporter("yolo", "YOLO segmentation labels", "yolo", YoloWriter)

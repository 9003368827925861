"""All masks as COCO run-length codes in one JSON file, a line for every frame."""

from __future__ import annotations

import json
from typing import Any

from splitmask.export.base import Exporter, Masks, Writer
from splitmask.masks import rle
from splitmask.types import Frame


class RleJsonWriter(Writer):
    """`{format, version, source, objects: [{id, name, color}], frames: [{index, time, objects: [{id, rle,
    area, bbox}]}]}`; time in seconds or null, bbox x0, y0, x1, y1. Objects not in the frame are left out.
    """

    def _start(self) -> None:
        self._file = self._resources.enter_context(self.staging.open("w", encoding="utf-8"))
        head = {
            "format": "splitmask.rle",
            "version": 1,
            "source": {"name": self.clip.name, "width": self.clip.width, "height": self.clip.height},
            "objects": [item.to_json() for item in self.objects],
        }
        self._file.write(_dump(head)[:-1] + ',"frames":[')
        self._separator = "\n"

    def _add(self, frame: Frame, masks: Masks) -> None:
        time = None if frame.pts is None else float(frame.pts)
        found = [self._record(item.id, masks) for item in self.objects if item.id in masks]
        record = {"index": frame.index, "time": time, "objects": found}
        self._file.write(self._separator + _dump(record))
        self._separator = ",\n"

    def _record(self, object_id: int, masks: Masks) -> dict[str, Any]:
        code = rle.encode(masks[object_id])
        return {"id": object_id, "rle": code.to_json(), "area": rle.area(code), "bbox": rle.bbox(code)}

    def _finish(self) -> None:
        self._file.write("\n]}\n")


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


RLE_JSON = Exporter("rle_json", "Run-length codes as JSON", "masks.json", RleJsonWriter)

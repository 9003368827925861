"""Masks out of splitmask: one small file per format, one table."""

from __future__ import annotations

from splitmask.export.base import ClipInfo, Exporter, Writer, prepare_out_dir
from splitmask.export.coco import COCO, COCO_RLE
from splitmask.export.overlay_mp4 import LABELLED_MP4, OVERLAY_MP4
from splitmask.export.png import DAVIS, PNG
from splitmask.export.rle_json import RLE_JSON
from splitmask.export.yolo import YOLO

EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (OVERLAY_MP4, LABELLED_MP4, PNG, DAVIS, RLE_JSON, COCO, COCO_RLE, YOLO)
}

__all__ = ["EXPORTERS", "ClipInfo", "Exporter", "Writer", "prepare_out_dir"]

"""Masks out of splitmask: one small file per format, one table."""

from __future__ import annotations

from splitmask.export.base import ClipInfo, Exporter, Writer, prepare_out_dir
from splitmask.export.overlay_mp4 import OVERLAY_MP4
from splitmask.export.png import DAVIS, PNG
from splitmask.export.rle_json import RLE_JSON

EXPORTERS: dict[str, Exporter] = {exporter.name: exporter for exporter in (PNG, DAVIS, RLE_JSON, OVERLAY_MP4)}

__all__ = ["EXPORTERS", "ClipInfo", "Exporter", "Writer", "prepare_out_dir"]

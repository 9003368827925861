"""Readers of data sets, one file a layout, one table (`layouts.LAYOUTS`). No PyTorch needed."""

from splitmask.train.readers.layouts import LAYOUTS, Layout, detect_layout, open_data
from splitmask.train.readers.samples import (
    ClipSample,
    ImageSample,
    LabelMap,
    LoadedImage,
    ObjectKey,
    Problems,
    Reader,
    frame_labels,
    load,
    load_all,
    object_mask,
    objects_in,
)
from splitmask.train.readers.split import HELD_OUT_SEQUENCES, Split, split

__all__ = [
    "HELD_OUT_SEQUENCES",
    "LAYOUTS",
    "ClipSample",
    "ImageSample",
    "LabelMap",
    "Layout",
    "LoadedImage",
    "ObjectKey",
    "Problems",
    "Reader",
    "Split",
    "detect_layout",
    "frame_labels",
    "load",
    "load_all",
    "object_mask",
    "objects_in",
    "open_data",
    "split",
]

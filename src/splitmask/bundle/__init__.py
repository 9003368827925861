"""`embedding.bin` + `manifest.json` + `preview.jpg`: encode here, click there. docs/bundle.md."""

from splitmask.bundle.bundle import Bundle, BundleObject, read_manifest
from splitmask.bundle.clicks import answer
from splitmask.bundle.make import of_frame, of_image
from splitmask.bundle.manifest import Manifest, Origin, Preprocess
from splitmask.bundle.tensors import DTYPES, Dtype

__all__ = [
    "DTYPES",
    "Bundle",
    "BundleObject",
    "Dtype",
    "Manifest",
    "Origin",
    "Preprocess",
    "answer",
    "of_frame",
    "of_image",
    "read_manifest",
]

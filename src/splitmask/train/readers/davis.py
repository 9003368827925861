"""DAVIS 2016 and 2017: JPEGImages/480p/SEQUENCE and Annotations/480p/SEQUENCE (Perazzi et al. 2016).

Also one list of ImageSets (`ImageSets/2017/val.txt`), for its sequences only. A list of 2016 makes one
object of all that 2017 tells apart, as the single-object benchmark does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splitmask.errors import DataError
from splitmask.train.readers.folders import ClipFolder, ClipFolders, subfolders
from splitmask.train.readers.pictures import decode_labels, read_bytes
from splitmask.train.readers.samples import LabelMap

SHAPE = "DAVIS with JPEGImages/480p and Annotations/480p, or one of its ImageSets/YEAR/*.txt"
_RESOLUTIONS = ("480p", "Full-Resolution", "1080p")


def matches(path: Path) -> bool:
    root = _root(path)
    return root is not None and _resolution(root) is not None


def open_davis(path: Path) -> ClipFolders:
    """A reader of every annotated sequence. Raises DataError for a list that names one that is missing."""
    root = _root(path)
    resolution = _resolution(root) if root else None
    if not root or not resolution:
        raise DataError(f"{path} is not laid out as {SHAPE}")
    pictures, maps = root / "JPEGImages" / resolution, root / "Annotations" / resolution
    single = path.is_file() and _is_single_object(path)
    decode = _one_object if single else decode_labels
    folders = [ClipFolder(pictures / name, maps / name, decode) for name in _sequences(path, maps)]
    return ClipFolders(folders, "davis", "davis")


def _sequences(path: Path, maps: Path) -> list[str]:
    if not path.is_file():
        return [folder.name for folder in subfolders(maps)]
    lines = read_bytes(path).decode("utf-8", "replace").split("\n")
    names = list(dict.fromkeys(_sequence(line) for line in lines if line.strip()))
    missing = [name for name in names if not (maps / name).is_dir()]
    if missing:
        raise DataError(f"{path} names {missing[0]}, of which {maps} has no annotations")
    return names


def _sequence(line: str) -> str:
    """`bear`, or 2016's `/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png`."""
    first = line.split()[0]
    return Path(first).parent.name if "/" in first else first


def _one_object(data: bytes, where: str) -> LabelMap:
    return (decode_labels(data, where) > 0).astype(np.uint8)


def _is_single_object(listing: Path) -> bool:
    return listing.parent.name == "2016" or (listing.parent.name in _RESOLUTIONS)


def _root(path: Path) -> Path | None:
    """The folder itself, or the one that a list of its ImageSets belongs to."""
    if path.is_file():
        inside = path.suffix == ".txt" and path.parent.parent.name == "ImageSets"
        return path.parent.parent.parent if inside else None
    return path


def _resolution(root: Path) -> str | None:
    return next(
        (
            resolution
            for resolution in _RESOLUTIONS
            if (root / "JPEGImages" / resolution).is_dir() and (root / "Annotations" / resolution).is_dir()
        ),
        None,
    )

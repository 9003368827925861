"""MOSE (Ding et al. 2023) and YouTube-VOS (Xu et al. 2018): JPEGImages/CLIP and Annotations/CLIP.

Either at the folder itself or below train/ or valid/. Objects may appear later than the first frame.
"""

from __future__ import annotations

from pathlib import Path

from splitmask.train.readers.folders import ClipFolder, ClipFolders, pictures_in, subfolders

SHAPE = "MOSE or YouTube-VOS with JPEGImages/CLIP and Annotations/CLIP, also below train/ and valid/"
_PARTS = (".", "train", "valid")


def matches(path: Path) -> bool:
    return any(pictures_in(folder / "JPEGImages" / _first(folder)) for folder in _roots(path))


def open_vos(path: Path) -> ClipFolders:
    folders = [
        ClipFolder(root / "JPEGImages" / maps.name, maps)
        for root in _roots(path)
        for maps in subfolders(root / "Annotations")
    ]
    return ClipFolders(folders, "vos", "sav")


def _roots(path: Path) -> list[Path]:
    return [path / part for part in _PARTS if subfolders(path / part / "Annotations")]


def _first(root: Path) -> str:
    return subfolders(root / "Annotations")[0].name

"""Where pictures come from: one row a source, tried from the top.

A new source is a file with a `Clip` in it and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitmask.media.clip import Clip


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of clip: how to recognise it, how to open it."""

    name: str
    accepts: Callable[[Path], bool]
    open: Callable[[Path], Clip]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # the way to it may not be looked at; the last row says so
        return False


def _open_folder(path: Path) -> Clip:
    from splitmask.media.folder import FolderClip

    return FolderClip(path)


def _is_image(path: Path) -> bool:
    from splitmask.media.image import SUFFIXES, is_image

    return is_image(path) or path.suffix.lower() in SUFFIXES


def _open_still(path: Path) -> Clip:
    from splitmask.media.still import open_still

    return open_still(path)


def _open_video(path: Path) -> Clip:
    from splitmask.media.video import VideoClip

    return VideoClip(path)


def _anything(path: Path) -> bool:
    return True


SOURCES = (
    Source("frame folder", _is_folder, _open_folder),
    Source("image", _is_image, _open_still),
    Source("video", _anything, _open_video),  # last: says what is wrong with whatever is left
)

"""IN: images, videos and folders of frames → numbered frames, read as they are needed."""

from __future__ import annotations

from pathlib import Path

from splitmask.media.clip import Clip
from splitmask.media.image import read_image, read_mask
from splitmask.media.ranges import Window, check_range, parse_range
from splitmask.media.sources import SOURCES

__all__ = ["Clip", "open_clip", "parse_range", "read_image", "read_mask"]


def open_clip(path: Path | str, *, frames: Window | None = None) -> Clip:
    """A clip of whatever the path is: a folder of frames, a still (one frame), an animation, a video.

    frames: the half-open range (first, one past the last or None) that iteration is limited to; the
    frames keep their numbers. Raises MediaError where the path cannot be read, PromptError where the
    range is empty or begins beyond the clip's end.
    """
    path = Path(path)
    source = next(source for source in SOURCES if source.accepts(path))
    clip = source.open(path)
    if frames is not None:
        _limit(clip, frames)
    return clip


def _limit(clip: Clip, frames: Window) -> None:
    try:
        clip.window = check_range(frames)
        if frames[0]:
            clip.span()
    except BaseException:
        clip.close()
        raise

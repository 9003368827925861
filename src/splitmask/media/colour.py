"""A decoded picture → upright RGB, by the matrix and range that it was encoded with."""

from __future__ import annotations

from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from splitmask.media.image import on_white
from splitmask.media.orientation import UPRIGHT, Orientation, from_display_matrix
from splitmask.types import ByteArray

# Codes of ITU-T H.273, as FFmpeg has them.
_KNOWN_MATRICES = frozenset({1, 4, 5, 6, 7, 9})  # to the scaler, which refuses the rest
_BT709, _BT601, _BT2020, _BT2020_CONSTANT = 1, 5, 9, 10
_HDR_TRANSFERS = frozenset({16, 18})  # PQ and HLG

# FFmpeg's fast way from YUVA to RGBA writes garbage into the last columns of some widths.
_ACCURATE = Interpolation.BILINEAR | Interpolation.ACCURATE_RND


class RgbConverter:
    """Keeps FFmpeg's scaler between pictures; setting one up costs more than using it. One thread at a time.

    Untagged video is taken as BT.709 where it is high definition and as BT.601 below, as players do.
    Transparency is composited on white, as for stills. A picture of another size than the clip's (a
    stream may change in the middle) is scaled to it.
    """

    def __init__(self, size: tuple[int, int], orientation: Orientation) -> None:
        self._height, self._width = size  # as stored
        self._orientation = orientation
        self._scaler = VideoReformatter()

    def rgb(self, picture: VideoFrame) -> ByteArray:
        """A decoded picture → (H, W, 3) uint8, upright."""
        alpha = has_alpha(picture)
        scaled = self._scaler.reformat(
            picture,
            width=self._width,
            height=self._height,
            format="rgba" if alpha else "rgb24",
            src_colorspace=_matrix(picture),
            interpolation=_ACCURATE if alpha else Interpolation.BILINEAR,
        )
        pixels = cast(ByteArray, scaled.to_ndarray())
        return self._orientation.upright(on_white(pixels) if alpha else pixels)


def has_alpha(picture: VideoFrame) -> bool:
    """Whether pixels may be transparent."""
    return picture.format.name == "pal8" or any(part.is_alpha for part in picture.format.components)


def is_hdr(decoder: VideoCodecContext) -> bool:
    """Whether pictures are encoded for high dynamic range."""
    return decoder.color_trc in _HDR_TRANSFERS


def orientation_of(picture: VideoFrame) -> Orientation | None:
    """What the display matrix says; None where it turns by something other than a multiple of 90°."""
    matrix = cast(SideData | None, picture.side_data.get("DISPLAYMATRIX"))
    return UPRIGHT if matrix is None else from_display_matrix(np.frombuffer(bytes(matrix), np.int32).tolist())


def _matrix(picture: VideoFrame) -> int | None:
    """What to tell the scaler; None where it finds the right one in the picture's own tag."""
    if picture.format.is_rgb or picture.colorspace in _KNOWN_MATRICES:
        return None
    if picture.colorspace == _BT2020_CONSTANT:
        return _BT2020  # the nearest there is
    return _BT709 if picture.width >= 1280 or picture.height > 576 else _BT601

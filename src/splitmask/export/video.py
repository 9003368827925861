"""Pictures into an H.264 file, one at a time, at the times they had in the source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from splitmask.types import ByteArray

_BT709 = 1  # the number of primaries, transfer and matrix alike (ITU-T H.273)


class VideoWriter:
    """An MP4 with H.264, 4:2:0, BT.709. Use it in a `with` block; raises OSError (PyAV's errors are).

    4:2:0 wants even sides: an odd picture gets its last row or column once more.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, time_base: Fraction, crf: int = 18
    ) -> None:
        """`size` is (height, width); `rate` the average frames per second; times are whole `time_base`s."""
        self._container = av.open(path, "w", format="mp4", options={"movflags": "+faststart"})
        stream = self._container.add_stream(
            "libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"}
        )
        stream.height, stream.width = (side + side % 2 for side in size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = time_base
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG
        self._stream, self._time_base, self._rate = stream, time_base, rate
        self._reformatter = VideoReformatter()
        self._begin = Fraction(0)  # time of the first picture
        self._last = -1  # pts of the last picture, in ticks
        self._count = 0

    def write(self, image: ByteArray, time: Fraction | None = None) -> None:
        """A picture (H, W, 3) RGB and its time in seconds; the first one is where the video begins.

        Without a time it comes at the rate. A time that rounds to the tick before is moved on by one.
        """
        seconds = Fraction(self._count) / self._rate if time is None else time
        if not self._count:
            self._begin = seconds
        seconds -= self._begin
        picture = av.VideoFrame.from_ndarray(_even(image), format="rgb24")
        yuv = self._reformatter.reformat(
            picture,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        yuv.pts = self._last = max(round(seconds / self._time_base), self._last + 1)
        yuv.time_base = self._time_base
        yuv.duration = max(round(1 / self._rate / self._time_base), 1)
        self._count += 1
        self._container.mux(self._stream.encode(yuv))

    def close(self) -> None:
        """Writes out what the encoder still holds and the index. May be called again."""
        if self._count:
            self._count = 0
            self._container.mux(self._stream.encode())
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _even(image: ByteArray) -> ByteArray:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)

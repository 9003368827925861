"""Makes clips whose every frame says its own number, however much a codec blurs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation

from splitmask.types import ByteArray

BITS = 10
BLOCK = 8
HEIGHT, WIDTH = 64, BITS * BLOCK + 16

H264 = {"preset": "ultrafast", "g": "12", "bf": "3", "x264-params": "b-adapt=0:scenecut=0:threads=1"}

ACCURATE = Interpolation.BILINEAR | Interpolation.ACCURATE_RND


def numbered(number: int, height: int = HEIGHT, width: int = WIDTH) -> ByteArray:
    """(height, width, 3): the number in black and white blocks at the top, something that moves below."""
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.indices((height, width))
    image[..., 0] = columns * 2 + number * 5
    image[..., 1] = rows * 3 + number
    image[..., 2] = 90
    for bit in range(BITS):
        image[:16, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return image


def number_of(image: ByteArray) -> int:
    """What `numbered` wrote."""
    centres = image[8, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=-1)
    return sum(1 << bit for bit, value in enumerate(centres) if value > 127)


def write_video(
    path: Path,
    frames: Iterable[ByteArray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: int = 25,
    times: Sequence[int] | None = None,
    rotation: float | None = None,
    matrix: Sequence[int] | None = None,
    colourspace: int | None = None,
    colour_range: int | None = None,
    container: dict[str, str] | None = None,
    audio: bool = False,
) -> Path:
    """Encodes (H, W, 3 | 4) uint8 frames. times: presentation times in 1/1000 s (else 1/rate apart)."""
    with av.open(path, "w", options=container or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate, options=H264 if options is None else options)
        sound: Any = output.add_stream("aac", rate=8000) if audio else None
        stream.pix_fmt = pixels
        context = stream.codec_context
        if times is not None:
            context.time_base = Fraction(1, 1000)
        if colourspace is not None:
            context.colorspace = colourspace
        if colour_range is not None:
            context.color_range = colour_range
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, image in enumerate(frames):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            picture = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(image), format="rgba" if image.shape[2] == 4 else "rgb24"
            ).reformat(
                format=pixels,
                dst_colorspace=colourspace,
                dst_color_range=colour_range,
                interpolation=ACCURATE,  # FFmpeg's fast way from RGB to deep YUV garbles some columns
            )
            picture.pts = number if times is None else times[number]
            picture.time_base = Fraction(1, rate if times is None else 1000)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
        if sound is not None:
            write_silence(output, sound, seconds=1)
    return path


def write_numbered(path: Path, count: int, **how: Any) -> Path:
    """A video of `count` numbered frames."""
    return write_video(path, (numbered(number) for number in range(count)), **how)


def write_silence(output: Any, stream: Any, seconds: int) -> None:
    """Adds an audio track's packets."""
    for at in range(0, 8000 * seconds, 1024):
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 8000
        samples.pts = at
        output.mux(stream.encode(samples))
    output.mux(stream.encode(None))


def shift_times(source: Path, target: Path, by: Fraction) -> Path:
    """The same packets `by` seconds later; frames before 0 are cut away by an edit list (MP4, MOV)."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(source) as given, av.open(target, "w", options=options) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        ticks = int(by / (stream.time_base or 1))
        for packet in given.demux(stream):
            if packet.size:
                packet.stream = copy
                packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
                output.mux(packet)
    return target


def patch(path: Path, old: bytes, new: bytes, *, times: int = 1) -> Path:
    """Overwrites bytes in place; the pattern has to be there exactly so often."""
    data = path.read_bytes()
    assert data.count(old) == times
    path.write_bytes(data.replace(old, new))
    return path


def decoded_count(path: Path) -> int:
    """How many pictures FFmpeg's plain decoding loop gives: the yardstick for `count()`."""
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))

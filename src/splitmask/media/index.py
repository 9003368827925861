"""Which frames a video has, when each is shown, and where decoding can begin.

Headers lie about the number of frames, so it is never read from them. Where every packet is one shown
picture (MP4, MOV, Matroska with the codecs below), reading the packets is enough and costs about a
thousandth of decoding. Elsewhere (transport streams that begin in the middle, AVI with packed frames,
fields in packets of their own, hidden reference pictures) only decoding tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from splitmask.media.container import VideoFile

Stamps = npt.NDArray[np.int64]

_EXACT_CONTAINERS = frozenset({"mov", "matroska"})
_EXACT_CODECS = frozenset({
    "h264", "hevc", "vvc", "av1", "vp9", "prores", "dnxhd", "cfhd", "mjpeg", "png", "jpeg2000", "ffv1",
    "huffyuv", "ffvhuff", "utvideo", "magicyuv", "qtrle", "rawvideo", "v210", "hap",
})  # fmt: skip
_WHOLE_PICTURE_CODECS = frozenset({"prores", "dnxhd", "mjpeg", "png", "v210", "rawvideo", "hap", "cfhd"})
_FIELD_CODECS = frozenset({"h264", "hevc", "vvc"})  # may store the two fields of a frame apart


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """The frames of one video, in presentation order."""

    count: int
    times: Stamps | None  # (count,) strictly increasing, in the stream's unit; None: no usable times
    keys: Stamps  # (k,) increasing frame indices that decoding can begin at
    packets: int  # how many the file holds, those included that are never shown

    def position(self, time: int | None) -> int | None:
        """The frame shown at exactly this time, if any."""
        if self.times is None or time is None:
            return None
        at = int(np.searchsorted(self.times, time))
        return at if at < self.count and self.times[at] == time else None

    def key_before(self, index: int) -> int:
        """The last frame at or before `index` that decoding can begin at; 0 is the file's beginning."""
        at = int(np.searchsorted(self.keys, index, side="right"))
        return int(self.keys[at - 1]) if at else 0


@dataclass(slots=True)
class IndexBuilder:
    """Takes what comes by, packets or pictures, and makes the index of it."""

    times: list[int | None] = field(default_factory=list)
    keys: list[int | None] = field(default_factory=list)
    packets: int = 0

    def add(self, time: int | None, is_key: bool) -> None:
        """One shown frame."""
        self.times.append(time)
        if is_key:
            self.keys.append(time)

    def build(self) -> VideoIndex:
        """`times` is None unless all frames have one and no two the same."""
        times = np.unique(np.array([time for time in self.times if time is not None], np.int64))
        if len(times) != len(self.times):
            return VideoIndex(len(self.times), None, np.zeros(0, np.int64), self.packets)
        keys = np.unique(np.array([time for time in self.keys if time is not None], np.int64))
        return VideoIndex(len(times), times, np.searchsorted(times, keys).astype(np.int64), self.packets)


def packets_tell(file: VideoFile, picture: VideoFrame) -> bool:
    """Whether this file's packets are its frames, as far as its header and first picture show."""
    codec = file.decoder.codec.canonical_name
    containers = file.container.format.name.split(",")
    return (
        codec in _EXACT_CODECS
        and not _EXACT_CONTAINERS.isdisjoint(containers)
        and not (codec in _FIELD_CODECS and picture.interlaced_frame)
    )


def index_packets(file: VideoFile) -> VideoIndex | None:
    """Reads a file from its beginning without decoding; None where its packets turn out not to tell.

    That is where times are missing or shared, or where pictures are reordered although their times
    say otherwise (made by programs that wrote decoding times for both).
    """
    index = _read_header(file)
    if index is not None:
        return index
    builder = IndexBuilder()
    reordered = False
    latest: int | None = None
    for packet in file.packets:
        builder.packets += 1
        reordered |= latest is not None and packet.pts is not None and packet.pts < latest
        latest = packet.pts if packet.pts is not None else latest
        if not packet.is_discard:
            builder.add(packet.pts, packet.is_keyframe)
    index = builder.build()
    if index.times is None or (file.decoder.has_b_frames and not reordered):
        return None
    return index


def _read_header(file: VideoFile) -> VideoIndex | None:
    """A MOV of whole pictures (ProRes, DNxHD …) is large, and its sample table is all that is needed.

    None where that table does not cover the file: fragments, edit lists, data cut off.
    """
    entries = file.stream.index_entries
    whole = file.decoder.codec.canonical_name in _WHOLE_PICTURE_CODECS
    if not whole or not len(entries) or len(entries) != file.stream.frames:
        return None
    size = file.container.size
    if not all(entry.is_keyframe and entry.pos + entry.size <= size for entry in entries):
        return None
    builder = IndexBuilder(packets=len(entries))
    for entry in entries:
        builder.add(entry.timestamp, is_key=True)
    index = builder.build()
    return None if index.times is None else index


def index_pictures(file: VideoFile) -> VideoIndex:
    """Decodes a file from its beginning to its end."""
    builder = IndexBuilder()
    for picture in file.pictures:
        builder.add(file.time_of(picture), picture.key_frame)
    return in_decoding_order(builder)


def in_decoding_order(builder: IndexBuilder) -> VideoIndex:
    """The index of decoded pictures; their times count only where they rise from one to the next."""
    index = builder.build()
    if index.times is None or index.times.tolist() == builder.times:
        return index
    return VideoIndex(index.count, None, np.zeros(0, np.int64), index.packets)

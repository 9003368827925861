"""Opening a video file with FFmpeg, so that a file can do nothing but be decoded.

Only real containers are accepted, and only the file itself is read: FFmpeg would otherwise follow a
playlist that calls itself `.mp4` to other files and hosts, or draw a text file as a terminal screen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, dropwhile
from pathlib import Path
from typing import Any

import av
import av.error
from av.codec.context import CodecContext, ThreadType
from av.container.input import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from splitmask.errors import MediaError
from splitmask.media.files import check_readable

_CONTAINERS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,mxf,nut,ivf,obu,av1,h264,hevc,vvc,vc1,dv,"
    "yuv4mpegpipe,mjpeg,rm,gxf,wtv,gif,apng,"
    "mp3,wav,w64,flac,aac,aiff,amr,caf,ac3,eac3,dts"  # to say that they hold sound only
)
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
# tags need not be UTF-8; PyAV has taken them as they are since 19, and lost the option
_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own pass over the alpha layer

_MAX_THREADS = 4


class VideoFile:
    """One open container with the decoder of its pictures, standing at one place in the file."""

    def __init__(self, path: Path) -> None:
        check_readable(path)
        self.path = path
        self.container = _open(path)
        try:
            self.stream = _video_stream(path, self.container)
            self.decoder = _decoder(path, self.stream)
        except BaseException:
            self.container.close()
            raise
        self.packets: Iterator[Packet[VideoStream]] = self._read()  # from here on, in decoding order
        self.pictures: Iterator[VideoFrame] = self._decoded()  # from here on, in the decoder's order

    def peek(self) -> VideoFrame | None:
        """The next picture, which stays the next one; None where there is none."""
        picture = next(self.pictures, None)
        if picture is not None:
            self.pictures = chain([picture], self.pictures)
        return picture

    def time_of(self, picture: VideoFrame) -> int | None:
        """When a picture is shown, in the stream's unit. AVI has no times for reordered pictures."""
        untimed = self.container.format.name == "avi" and self.decoder.has_b_frames
        return None if untimed else picture.pts

    def seek(self, time: int) -> bool:
        """Go to a key frame's packet, as a rule the last at or before a time (in the stream's unit).

        False if there is no way to one. Containers may miss: see where the next picture belongs.
        """
        try:
            self.container.seek(time, stream=self.stream)
        except av.error.FFmpegError:
            return False
        self.decoder.flush_buffers()
        self.packets = dropwhile(lambda packet: not packet.is_keyframe, self._read())
        self.pictures = self._decoded()
        return True

    def close(self) -> None:
        self.packets, self.pictures = iter(()), iter(())
        self.container.close()

    def _read(self) -> Iterator[Packet[VideoStream]]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                return  # cut off, or damaged beyond here
            if packet is None:
                return
            if packet.size and not self._is_torn(packet):  # the last is empty and says that it is over
                yield packet

    def _is_torn(self, packet: Packet[VideoStream]) -> bool:
        """Whether the file ends within the packet. Transport streams say the same of gaps, which can heal."""
        return packet.is_corrupt and self.container.format.name != "mpegts"

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in self.packets:
            yield from self._decode(packet)
        yield from self._decode(None)

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self.decoder.decode(packet)
        except av.error.FFmpegError:
            return []  # a damaged packet; whoever counts frames notices what is missing


def _open(path: Path) -> InputContainer:
    try:
        container: InputContainer = av.open(
            f"file:{path}", "r", container_options=dict(_OPTIONS), **_TAGS
        )  # the prefix keeps FFmpeg from reading a name with a colon as a protocol
        return container
    except av.error.FFmpegError as error:
        raise MediaError(f"{path} {_why_not(path)}") from error


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    stream = container.streams.best("video")
    if isinstance(stream, VideoStream) and not stream.disposition & Disposition.attached_pic:
        return stream
    if container.streams.audio:
        raise MediaError(f"{path} holds sound but no pictures; give a video, an image or a folder of frames")
    raise MediaError(f"{path} holds no video, or ends before it begins; copy or export it again")


def _decoder(path: Path, stream: VideoStream) -> VideoCodecContext:
    decoder: VideoCodecContext | None = stream.codec_context
    if decoder is None:
        raise MediaError(f"{path} uses a codec that this FFmpeg cannot decode; convert it to H.264 or VP9")
    if stream.metadata.get("alpha_mode") == "1" and decoder.name in _ALPHA_DECODERS:
        decoder = _alpha_decoder(decoder)
    decoder.thread_type = ThreadType.AUTO
    decoder.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    return decoder


def _alpha_decoder(decoder: VideoCodecContext) -> VideoCodecContext:
    try:
        other = CodecContext.create(_ALPHA_DECODERS[decoder.name], "r")
    except av.codec.codec.UnknownCodecError:
        return decoder
    return other if isinstance(other, VideoCodecContext) else decoder


def _why_not(path: Path) -> str:
    """What can be said of a file that FFmpeg does not open."""
    if not _has_box(path, b"ftyp"):
        return "is neither a video nor an image that can be read; convert it to MP4 or PNG"
    if not _has_box(path, b"moov"):
        return (
            "has no index (its moov box is missing): it is cut off, or was still being written; "
            "copy or record it again"
        )
    return "is a damaged video; copy or export it again"


def _has_box(path: Path, name: bytes) -> bool:
    """Whether an MP4 has a box of this name at its top level (ISO 14496-12)."""
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            if header[4:8] == name:
                return True
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            if size < 8:
                return False
            at += size
    return False

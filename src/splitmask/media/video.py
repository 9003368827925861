"""Videos through PyAV: any frame by its number, forward and backward, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import RLock

from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from splitmask.errors import MediaError, PromptError
from splitmask.media.clip import Clip, no_such_frame
from splitmask.media.colour import RgbConverter, is_hdr, orientation_of
from splitmask.media.container import VideoFile
from splitmask.media.cursor import Cursor, Shown
from splitmask.media.index import VideoIndex, index_packets, index_pictures, packets_tell
from splitmask.media.orientation import UPRIGHT
from splitmask.types import Frame

_BACKWARD_BYTES = 128 << 20  # decoded pictures held at once when going backward
_IDLE_CURSORS = 2

_FALLBACK_RATE = Fraction(25)
_PLAUSIBLE_RATE = 1000  # frames a second; beyond it the header is wrong

_EARLY_END = Fraction(1, 4)  # seconds by which a header may round


class VideoClip(Clip):
    """The pictures of a video file as they are stored, turned upright.

    Pixels are not rescaled to a display aspect ratio, fields are not deinterlaced, high dynamic range
    is not tone-mapped (a note says so). A file that is cut off ends where its data does; a damaged
    frame is replaced by its neighbour; both leave a note.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = RLock()
        self._index: VideoIndex | None = None
        self._damaged: set[int] = set()
        file = VideoFile(path)
        try:
            picture = file.peek()
            if picture is None:
                raise MediaError(f"{path} holds no picture that can be decoded; copy or export it again")
            self._describe(file, picture)
            self._packets_tell = packets_tell(file, picture)
        except BaseException:
            file.close()
            raise
        self._idle = [Cursor(file, self._converter(), None)]

    def _describe(self, file: VideoFile, picture: VideoFrame) -> None:
        orientation = orientation_of(picture)
        if orientation is None:
            self._say("its display matrix turns it by no multiple of 90°; frames are left as stored")
        if is_hdr(file.stream.codec_context):
            self._say("it is high dynamic range; frames are shown without tone mapping")
        self._orientation = orientation or UPRIGHT
        self._stored_size = (picture.height, picture.width)
        self._picture_bytes = sum(plane.buffer_size for plane in picture.planes)
        self.height, self.width = self._orientation.upright_size(self._stored_size)
        self.rotation = self._orientation.rotation
        self.rate = _rate(file.stream)
        self.time_base = file.stream.time_base or 1 / self.rate
        self.frame_count = _header_count(file, self.rate)
        self.has_audio = bool(file.container.streams.audio)
        self._header_frames = file.stream.frames
        self._header_seconds = _header_seconds(file)
        self._origin = file.time_of(picture) or 0
        self.start_time = self._origin * self.time_base

    @property
    def notes(self) -> list[str]:
        """One line each: what had to be worked around so far."""
        if not self._damaged:
            return self._notes
        first, others = min(self._damaged), len(self._damaged) - 1
        which = f"frame {first}" + (f" and {others} more" if others else "")
        return [*self._notes, f"{self.path}: {which} cannot be decoded; the nearest frame stands in"]

    def count(self) -> int:
        return self._indexed().count

    def frame(self, index: int) -> Frame:
        if index < 0 or (self._index is not None and index >= self._index.count):
            raise no_such_frame(index, self)
        cursor = self._take(index)
        try:
            shown = cursor.at(index)
            if shown is None:
                raise self._no_frame(index)
            return self._finish(cursor, shown)
        finally:
            self._give_back(cursor)

    def close(self) -> None:
        with self._lock:
            super().close()
            for cursor in self._idle:
                cursor.close()
            self._idle = []

    def _forward(self, span: range) -> Iterator[Frame]:
        cursor = self._take(span.start)
        try:
            for index in span:
                shown = cursor.at(index)
                if shown is None:
                    if self._index is not None and index < self._index.count:
                        raise self._no_frame(index)
                    return
                yield self._finish(cursor, shown)
        finally:
            self._give_back(cursor)

    def _backward(self, span: range) -> Iterator[Frame]:
        index = self._indexed()
        at_once = max(1, _BACKWARD_BYTES // max(1, self._picture_bytes))
        cursor = self._take(span.start)
        try:
            stop = span.stop
            while stop > span.start:
                start = max(span.start, index.key_before(stop - 1), stop - at_once)
                yield from self._reversed(cursor, range(start, stop))
                stop = start
        finally:
            self._give_back(cursor)

    def _reversed(self, cursor: Cursor, span: range) -> Iterator[Frame]:
        """A stretch between key frames: pictures are held as decoded, half the size of RGB."""
        held = [(index, cursor.at(index)) for index in span]
        while held:
            index, shown = held.pop()
            if shown is None:
                raise self._no_frame(index)
            yield self._finish(cursor, shown)

    def _finish(self, cursor: Cursor, shown: Shown) -> Frame:
        if shown.stands_in:
            self._damaged.add(shown.index)
        try:
            image = cursor.converter.rgb(shown.picture)
        except FFmpegError as error:
            pixels = shown.picture.format.name
            raise MediaError(f"{self.path} has {pixels} pixels, which have no RGB; convert it") from error
        return Frame(shown.index, image, self._seconds(shown))

    def _seconds(self, shown: Shown) -> Fraction:
        usable = self._index is None or self._index.times is not None
        if shown.time is None or not usable:
            return shown.index / self.rate
        return (shown.time - self._origin) * self.time_base

    def _no_frame(self, index: int) -> MediaError | PromptError:
        if index >= self.count():
            return no_such_frame(index, self)
        return MediaError(f"frame {index} of {self.path} cannot be decoded; copy or export the file again")

    def _converter(self) -> RgbConverter:
        return RgbConverter(self._stored_size, self._orientation)

    def _take(self, index: int) -> Cursor:
        """A cursor that nobody else uses, standing as near before a frame as there is one."""
        with self._lock:
            if self._closed:
                raise MediaError(f"{self.path} was closed; open it again to read frames")
            if self._packets_tell or not any(cursor.next == index for cursor in self._idle):
                self._indexed()
            before = [cursor for cursor in self._idle if cursor.next <= index] or self._idle
            if before:
                cursor = max(before, key=lambda cursor: cursor.next)
                self._idle.remove(cursor)
            else:
                cursor = Cursor(VideoFile(self.path), self._converter(), None)
            cursor.index = self._index
            return cursor

    def _give_back(self, cursor: Cursor) -> None:
        with self._lock:
            if self._index is None and cursor.learned is not None:
                self._learn(cursor.learned)
            if self._closed or len(self._idle) >= _IDLE_CURSORS:
                cursor.close()
            else:
                self._idle.append(cursor)

    def _indexed(self) -> VideoIndex:
        with self._lock:
            if self._index is None:
                self._learn(self._read_packets() or self._read_pictures())
            assert self._index is not None
            return self._index

    def _read_packets(self) -> VideoIndex | None:
        if not self._packets_tell:
            return None
        file = VideoFile(self.path)
        try:
            index = index_packets(file)
        finally:
            file.close()
        self._packets_tell = index is not None
        return index

    def _read_pictures(self) -> VideoIndex:
        file = VideoFile(self.path)
        try:
            return index_pictures(file)
        finally:
            file.close()

    def _learn(self, index: VideoIndex) -> None:
        self._index = index
        if index.times is not None and index.count:
            self._origin = int(index.times[0])
        if 0 < index.packets < self._header_frames:
            self._say(
                f"it is cut off: {index.packets} of its header's {self._header_frames} frames are there"
            )
        elif self._ends_early(index):
            self._say("its frames end well before its header says; it may be cut off")

    def _ends_early(self, index: VideoIndex) -> bool:
        if index.times is None or self._header_seconds is None or not index.count:
            return False
        end = int(index.times[-1]) * self.time_base + 1 / self.rate
        return self._header_seconds - end > max(_EARLY_END, 2 / self.rate)

    def _say(self, what: str) -> None:
        self._notes.append(f"{self.path}: {what}")


def _rate(stream: VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _PLAUSIBLE_RATE:
            return rate
    return _FALLBACK_RATE


def _header_seconds(file: VideoFile) -> Fraction | None:
    """When the last picture ends by the header, where it speaks of pictures alone (Matroska)."""
    if "matroska" not in file.container.format.name or file.container.streams.audio:
        return None
    return Fraction(file.container.duration, 1_000_000) if file.container.duration else None


def _header_count(file: VideoFile, rate: Fraction) -> int | None:
    if file.stream.frames:
        return file.stream.frames
    duration = file.container.duration
    return round(duration * rate / 1_000_000) if duration else None

"""One decoder walking through a video, and how it gets to a frame by its number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from av.video.frame import VideoFrame

from splitmask.media.colour import RgbConverter
from splitmask.media.container import VideoFile
from splitmask.media.index import IndexBuilder, VideoIndex, in_decoding_order

_KEYS_TRIED = 3  # before the file is decoded from its beginning


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A decoded picture and its place in the clip."""

    index: int
    time: int | None  # in the stream's unit
    picture: VideoFrame
    stands_in: bool = False  # for a frame that cannot be decoded


class Cursor:
    """Stands in one open file between two frames and moves to where it is asked to.

    Going on to a later frame decodes on, unless a key frame lies between; any other way leads through
    the last key frame before. A frame that is listed but cannot be decoded is replaced by the one
    before it (the first by the one after), so that numbers stay what they are.
    """

    def __init__(self, file: VideoFile, converter: RgbConverter, index: VideoIndex | None) -> None:
        self.index = index
        self.converter = converter
        self.next = 0  # the frame that comes when decoding goes on
        self.learned: VideoIndex | None = None  # once a file without index was walked to its end
        self._file = file
        self._latest: Shown | None = None
        self._unclean: set[int] = set()  # key frames that decoding turned out not to begin at
        self._walk = self._walk_from(0)

    def at(self, index: int) -> Shown | None:
        """The picture of a frame; None where the clip ends before it."""
        if self._latest is not None and self._latest.index == index:
            return self._latest
        if not self._is_ahead(index):
            self._go_to(index)
        shown = self._advance(index)
        if shown is None and self.index is not None and index < self.index.count:
            self._restart()  # nothing behind that key frame can be decoded
            shown = self._advance(index)
        return shown

    def close(self) -> None:
        self._walk = iter(())
        self._latest = None
        self._file.close()

    def _is_ahead(self, index: int) -> bool:
        """Whether the way to a frame is to decode on."""
        return self.next <= index and (self.index is None or self._key_before(self.index, index) <= self.next)

    def _advance(self, index: int) -> Shown | None:
        for shown in self._walk:
            self.next = shown.index + 1
            self._latest = shown
            if shown.index == index:
                return shown
        return None

    def _go_to(self, index: int) -> None:
        """Stand at the last key frame before `index`, at an earlier one, or at the file's beginning."""
        if self.index is not None and self.index.times is not None:
            for _ in range(_KEYS_TRIED):
                key = self._key_before(self.index, index)
                if self._land(self.index, key):
                    return self._stand_at(key)
                self._unclean.add(key)
        return self._restart()

    def _key_before(self, listed: VideoIndex, index: int) -> int:
        key = listed.key_before(index)
        while key and key in self._unclean:
            key = listed.key_before(key - 1)
        return key

    def _land(self, listed: VideoIndex, key: int) -> bool:
        """Whether decoding can begin at a key frame: it is itself the first picture that comes out.

        It is not where the container seeks past it, where it is damaged, or where it is a recovery
        point from which the picture builds up over some frames. Pictures before it that come out as
        well refer to what was not decoded, and are passed over.
        """
        assert listed.times is not None
        if not self._file.seek(int(listed.times[key])):
            return False
        while (picture := self._file.peek()) is not None:
            found = listed.position(self._file.time_of(picture))
            if found is not None and found >= key:
                return found == key
            next(self._file.pictures)
        return False

    def _restart(self) -> None:
        self._file.close()
        self._file = VideoFile(self._file.path)
        self._stand_at(0)

    def _stand_at(self, index: int) -> None:
        self.next = index
        self._latest = None
        self._walk = self._walk_from(index)

    def _walk_from(self, index: int) -> Iterator[Shown]:
        """Decided when the first frame is asked for, as the index may come to be known until then."""
        if self.index is None or self.index.times is None:
            yield from self._walk_counting()
        else:
            yield from self._walk_by_time(self.index, index)

    def _walk_counting(self) -> Iterator[Shown]:
        builder = IndexBuilder()
        for number, picture in enumerate(self._file.pictures):
            time = self._file.time_of(picture)
            builder.add(time, picture.key_frame)
            yield Shown(number, time, picture)
        self.learned = in_decoding_order(builder)

    def _walk_by_time(self, index: VideoIndex, expected: int) -> Iterator[Shown]:
        before: VideoFrame | None = None
        for picture in self._file.pictures:
            found = index.position(self._file.time_of(picture))
            if found is None or found < expected:
                continue
            yield from _stand_ins(index, range(expected, found), before or picture)
            yield Shown(found, picture.pts, picture)
            expected, before = found + 1, picture
        if before is not None:
            yield from _stand_ins(index, range(expected, index.count), before)


def _stand_ins(index: VideoIndex, missing: range, picture: VideoFrame) -> Iterator[Shown]:
    assert index.times is not None
    for number in missing:
        yield Shown(number, int(index.times[number]), picture, stands_in=True)

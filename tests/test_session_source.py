"""Clips that can be read anywhere, streams that only go on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from session_helpers import squares, stream
from splitmask.errors import MediaError, PromptError
from splitmask.session.source import ClipReader, FrameSource, ImageStack, StreamReader, open_reader
from splitmask.types import Frame

SCENE = squares(10)


class Counting(ImageStack):
    """Notes each iterator that is opened."""

    def __init__(self) -> None:
        super().__init__(SCENE.frames)
        self.opened: list[str] = []

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        self.opened.append(f"{start}:{stop}")
        return super().frames(start, stop)

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        self.opened.append(f"reversed {start}:{stop}")
        return super().frames_reversed(start, stop)


def indices(reader: ClipReader, frames: range, reverse: bool) -> list[int | None]:
    found = [reader.next_in_run(t, reverse) for t in frames]
    return [None if frame is None else frame.index for frame in found]


def test_a_run_reads_through_one_iterator() -> None:
    source = Counting()
    reader = ClipReader(source)
    assert indices(reader, range(3, 8), reverse=False) == [3, 4, 5, 6, 7]
    assert indices(reader, range(6, -1, -1), reverse=True) == [6, 5, 4, 3, 2, 1, 0]
    assert source.opened == ["3:10", "reversed 0:7"]


def test_a_jump_opens_another() -> None:
    source = Counting()
    reader = ClipReader(source)
    assert indices(reader, range(0, 10, 4), reverse=False) == [0, 4, 8]
    assert len(source.opened) == 3
    assert reader.at(9).index == 9
    assert len(source.opened) == 3


def test_the_end_of_a_clip_is_none() -> None:
    reader = ClipReader(ImageStack(SCENE.frames))
    assert indices(reader, range(8, 12), reverse=False) == [8, 9, None, None]
    assert reader.size == (96, 160)
    assert reader.count == 10
    assert reader.window == (0, None)


def test_what_is_a_clip_and_what_a_stream() -> None:
    assert isinstance(ImageStack(SCENE.frames), FrameSource)
    assert isinstance(open_reader(ImageStack(SCENE.frames)), ClipReader)
    assert isinstance(open_reader(stream(SCENE)), StreamReader)
    assert isinstance(open_reader(list(stream(SCENE))), StreamReader)


def test_a_stream_only_goes_on() -> None:
    reader = StreamReader(stream(SCENE))
    assert reader.position is None
    assert reader.size == (96, 160)
    assert reader.position == 0
    assert reader.at(4).index == 4
    assert reader.at(3).index == 3
    with pytest.raises(PromptError, match=r"frame 1 of the stream has passed .* 2, 3, 4"):
        reader.at(1)
    with pytest.raises(PromptError, match="frame 1 of the stream has passed"):
        reader.next_in_run(1, reverse=False)
    with pytest.raises(PromptError, match="reverse"):
        reader.next_in_run(3, reverse=True)
    last = reader.next_in_run(9, reverse=False)
    assert last is not None
    assert reader.next_in_run(10, reverse=False) is None


def test_an_empty_stream_says_so() -> None:
    with pytest.raises(MediaError, match="ended before its first frame"):
        _ = StreamReader(iter(())).size


def test_a_stack_is_checked() -> None:
    with pytest.raises(MediaError, match="no image"):
        ImageStack([])
    with pytest.raises(MediaError, match="image 1 of the stack is uint8 \\(5, 4, 3\\)"):
        ImageStack([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)])
    with pytest.raises(MediaError, match="image 0"):
        ImageStack(np.zeros((2, 4, 4, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="frame 10 does not exist"):
        ImageStack(SCENE.frames).frame(10)

"""Files that are cut off or damaged: what is there comes out, numbers hold, and notes say what happened."""

from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import pytest

from media_helpers import H264, number_of, numbered, write_numbered, write_video
from splitmask.media import Clip, open_clip
from splitmask.types import ByteArray

COUNT = 48
FRONT = {"movflags": "faststart"}


def busy(number: int) -> ByteArray:
    """Too much in it for a packet to be small."""
    image = numbered(number, 96, 128)
    image[20:] = np.random.default_rng(number // 3).integers(0, 255, image[20:].shape)
    return image


def write_busy(path: Path, **how: Any) -> Path:
    return write_video(path, (busy(number) for number in range(COUNT)), **how)


def numbers(clip: Clip) -> list[int]:
    return [number_of(frame.image) for frame in clip]


@pytest.mark.parametrize(
    ("name", "how", "note"),
    [
        ("a.mp4", {"container": FRONT}, "frames are there"),
        ("a.mp4", {"container": FRONT, "audio": True}, "frames are there"),
        ("a.mkv", {}, "its frames end well before its header says; it may be cut off"),
        ("a.ts", {}, None),
    ],
)
@pytest.mark.parametrize("share", [0.35, 0.6, 0.85])
def test_a_file_that_is_cut_off_ends_where_its_data_does(
    tmp_path: Path, name: str, how: dict[str, Any], note: str | None, share: float
) -> None:
    path = write_busy(tmp_path / name, **how)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with open_clip(path) as clip:
        got = numbers(clip)
        assert len(got) == clip.count() < COUNT
        assert got[: len(got) - 4] == list(
            range(len(got) - 4)
        )  # those at the end may lack what they build on
        assert [frame.index for frame in clip.frames_reversed()] == list(range(len(got)))[::-1]
        assert clip.frame(5).index == 5
        assert (note in clip.notes[0]) if note else not clip.notes


def damage(path: Path, nth: int) -> Path:
    """Overwrites the data of the nth packet in decoding order."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        at, size = packets[nth].pos, packets[nth].size
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_a_frame_that_cannot_be_decoded_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    path = damage(write_numbered(tmp_path / "a.mov", 10, codec="png", pixels="rgb24", options={}), 4)
    with open_clip(path) as clip:
        assert numbers(clip) == [0, 1, 2, 3, 3, 5, 6, 7, 8, 9]
        assert clip.notes == [f"{path}: frame 4 cannot be decoded; the nearest frame stands in"]
        assert [number_of(frame.image) for frame in clip.frames_reversed()] == [9, 8, 7, 6, 5, 3, 3, 2, 1, 0]
        frame = clip.frame(4)
        assert (frame.index, frame.pts, number_of(frame.image)) == (4, Fraction(4, 25), 3)
    with open_clip(path) as clip:
        assert number_of(clip.frame(4).image) == 3  # however it is reached


@pytest.mark.parametrize(("nth", "expected"), [(0, [1, 1, 2, 3]), (3, [0, 1, 2, 2])])
def test_damage_at_either_end_has_one_neighbour(tmp_path: Path, nth: int, expected: list[int]) -> None:
    path = damage(write_numbered(tmp_path / "a.mov", 4, codec="png", pixels="rgb24", options={}), nth)
    with open_clip(path) as clip:
        assert clip.count() == 4
        assert numbers(clip) == expected
        assert [frame.pts for frame in clip] == [Fraction(index, 25) for index in range(4)]
        assert [number_of(clip.frame(index).image) for index in (3, 2, 1, 0)] == expected[::-1]


def test_several_damaged_frames_are_one_note(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mov", 10, codec="png", pixels="rgb24", options={})
    for nth in (2, 3, 7):
        damage(path, nth)
    with open_clip(path) as clip:
        assert numbers(clip) == [0, 1, 1, 1, 4, 5, 6, 6, 8, 9]
        assert clip.notes == [f"{path}: frame 2 and 2 more cannot be decoded; the nearest frame stands in"]


def test_a_lost_key_frame_keeps_the_numbers(tmp_path: Path) -> None:
    path = damage(write_busy(tmp_path / "a.mp4", options={**H264, "bf": "0"}), 24)
    with open_clip(path) as clip:
        got = numbers(clip)
        assert clip.count() == len(got) == COUNT
        assert got[:24] == list(range(24))
        assert got[36:] == list(range(36, COUNT))
    for index in (23, 36, 47, 12):
        with open_clip(path) as clip:
            assert number_of(clip.frame(index).image) == index


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize("seed", range(3))
def test_random_damage_never_breaks_the_numbering(tmp_path: Path, name: str, seed: int) -> None:
    path = write_busy(tmp_path / name, container=FRONT if name == "a.mp4" else {})
    data, random = bytearray(path.read_bytes()), Random(seed)
    for _ in range(60):
        data[random.randrange(len(data) // 5, len(data) * 9 // 10)] = random.randrange(256)
    path.write_bytes(data)
    with open_clip(path) as clip:
        forward = [frame.index for frame in clip]
        assert forward == list(range(clip.count()))
        assert [frame.index for frame in clip.frames_reversed()] == forward[::-1]
        for index in random.sample(forward, 5):
            assert clip.frame(index).index == index


def test_a_stream_that_begins_in_the_middle_begins_at_a_key_frame(tmp_path: Path) -> None:
    path = write_busy(tmp_path / "a.ts")
    data = path.read_bytes()
    path.write_bytes(data[188 * 60 :])
    with open_clip(path) as clip:
        got = numbers(clip)
        assert got == list(range(got[0], COUNT))
        assert got[0] % 12 == 0
        assert got[0] > 0
        assert number_of(clip.frame(20).image) == got[20]
        assert clip.frame(0).pts == 0

"""Any frame by any way is the same picture, and its number is the one that was encoded into it."""

import gc
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
import pytest

from media_helpers import (
    H264,
    decoded_count,
    number_of,
    numbered,
    patch,
    shift_times,
    write_numbered,
    write_video,
)
from splitmask.errors import PromptError
from splitmask.media import Clip, open_clip
from splitmask.types import ByteArray

COUNT = 40
X265 = {
    "preset": "ultrafast",
    "x265-params": "keyint=12:min-keyint=12:bframes=3:open-gop=1:log-level=none:pools=none",
}
OPEN_GOP = {**H264, "x264-params": "open-gop=1:b-adapt=0:scenecut=0:threads=1:b-pyramid=normal"}
INTRA_REFRESH = {**H264, "bf": "0", "x264-params": "intra-refresh=1:threads=1"}

VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264.mkv": {},
    "h264.ts": {},
    "h264.avi": {},
    "raw.h264": {},
    "fragments.mp4": {"container": {"movflags": "frag_keyframe+empty_moov"}},
    "open.mp4": {"options": OPEN_GOP},
    "open.ts": {"options": OPEN_GOP},
    "refresh.mp4": {"options": INTRA_REFRESH},
    "refresh.mkv": {"options": INTRA_REFRESH},
    "interlaced.mp4": {"options": {**H264, "x264-params": "tff=1:threads=1"}},
    "hevc.mp4": {"codec": "libx265", "options": X265},
    "leading.mp4": {
        "codec": "libx265",
        "options": {**X265, "x265-params": X265["x265-params"] + ":open-gop=0:radl=2"},
    },
    "hevc.ts": {"codec": "libx265", "options": X265},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8", "deadline": "realtime"}},
    "vp8.webm": {
        "codec": "libvpx",
        "options": {"g": "30", "lag-in-frames": "16", "auto-alt-ref": "1", "b": "200k"},
    },
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "12", "g": "12", "svtav1-params": "lp=1"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}},
    "prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le", "options": {}},
    "vfr.mp4": {"times": [40 * n + n * n for n in range(COUNT)]},
    "vfr.mkv": {"times": [40 * n + n * n for n in range(COUNT)]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def h264(folder: Path) -> Path:
    return write_numbered(folder / "a.mp4", COUNT)


def pictures(clip: Clip) -> list[ByteArray]:
    return [frame.image for frame in clip]


def assert_same_by_every_way(path: Path, numbers: list[int]) -> None:
    """Forward, backward, in random order, in steps and interleaved give the same frames."""
    with open_clip(path) as clip:
        forward = list(clip)
        assert [number_of(frame.image) for frame in forward] == numbers
        assert [frame.index for frame in forward] == list(range(len(numbers)))
        assert clip.count() == len(numbers)
        assert clip.notes == []
        backward = list(clip.frames_reversed())[::-1]
        for one, other in zip(forward, backward, strict=True):
            assert (one.index, one.pts) == (other.index, other.pts)
            assert np.array_equal(one.image, other.image)
        order = Random(0).sample(range(len(numbers)), len(numbers))
        for index in order[:12]:
            assert np.array_equal(clip.frame(index).image, forward[index].image)
    with open_clip(path) as clip:  # and without having gone through it before
        for index in order[12:16]:
            frame = clip.frame(index)
            assert (frame.index, frame.pts) == (index, forward[index].pts)
            assert np.array_equal(frame.image, forward[index].image)
        for frame in clip.frames(3, None, 9):
            assert np.array_equal(frame.image, forward[frame.index].image)


@pytest.mark.parametrize("name", VIDEOS)
def test_a_frame_is_the_same_by_every_way(folder: Path, name: str) -> None:
    path = write_numbered(folder / name, COUNT, **VIDEOS[name])
    assert decoded_count(path) == COUNT
    assert_same_by_every_way(path, list(range(COUNT)))


def test_the_header_is_described(h264: Path) -> None:
    with open_clip(h264) as clip:
        assert (clip.name, clip.path) == ("a.mp4", h264)
        assert (clip.height, clip.width, clip.rotation) == (64, 96, 0)
        assert (clip.rate, clip.time_base, clip.start_time) == (25, Fraction(1, 12800), 0)
        assert (clip.frame_count, clip.has_audio) == (COUNT, False)


def test_sound_is_noticed(tmp_path: Path) -> None:
    with open_clip(write_numbered(tmp_path / "a.mp4", 5, audio=True)) as clip:
        assert clip.has_audio
        assert clip.count() == 5


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_times_are_those_of_the_container(tmp_path: Path, name: str) -> None:
    times = [0, 40, 41, 200, 1000, 1001]
    with open_clip(write_numbered(tmp_path / name, 6, times=times)) as clip:
        assert [frame.pts for frame in clip] == [Fraction(time, 1000) for time in times]
        assert clip.frame(3).pts == Fraction(1, 5)


def test_frames_before_an_edit_list_begins_are_not_there(h264: Path, tmp_path: Path) -> None:
    path = shift_times(h264, tmp_path / "cut.mp4", Fraction(-7, 25))
    assert decoded_count(path) == COUNT - 7
    assert_same_by_every_way(path, list(range(7, COUNT)))
    with open_clip(path) as clip:
        assert clip.frame(0).pts == 0


def test_a_clip_that_begins_late_begins_at_zero(h264: Path, tmp_path: Path) -> None:
    path = shift_times(h264, tmp_path / "late.mkv", Fraction(3, 5))
    assert_same_by_every_way(path, list(range(COUNT)))
    with open_clip(path) as clip:
        assert clip.frame(0).pts == 0
        assert clip.start_time == Fraction(3, 5)


@pytest.mark.parametrize(("turn", "rotation"), [(0, 0), (-90, 90), (180, 180), (90, 270)])
def test_rotation_is_applied(tmp_path: Path, turn: float, rotation: int) -> None:
    path = write_numbered(tmp_path / "a.mp4", 3, rotation=turn)
    with open_clip(path) as clip:
        assert clip.rotation == rotation
        assert (clip.height, clip.width) == ((96, 64) if rotation % 180 else (64, 96))
        for frame in clip:
            assert frame.size == (clip.height, clip.width)
            assert number_of(np.rot90(frame.image, rotation // 90)) == frame.index


def test_mirroring_is_applied(tmp_path: Path) -> None:
    one = 1 << 16
    path = write_numbered(tmp_path / "a.mp4", 3, matrix=[-one, 0, 0, 0, one, 0, 0, 0, 1 << 30])
    with open_clip(path) as clip:
        assert [number_of(frame.image[:, ::-1]) for frame in clip] == [0, 1, 2]


def test_a_slanted_display_matrix_leaves_a_note(tmp_path: Path) -> None:
    with open_clip(write_numbered(tmp_path / "a.mp4", 2, rotation=45)) as clip:
        assert [number_of(frame.image) for frame in clip] == [0, 1]
        assert "turns it by no multiple of 90°" in clip.notes[0]


def test_a_header_that_promises_too_much_time_does_not_matter(h264: Path, tmp_path: Path) -> None:
    path = tmp_path / "lie.mp4"
    path.write_bytes(h264.read_bytes())
    ticks = COUNT * 512
    header = b"\x00\x00\x32\x00"  # mdhd: 12800 ticks a second, then the duration
    patch(path, header + ticks.to_bytes(4, "big"), header + (ticks * 9).to_bytes(4, "big"))
    with open_clip(path) as clip:
        assert clip.count() == len(list(clip)) == COUNT


def test_a_header_that_promises_too_many_frames_does_not_matter(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "lie.avi", COUNT, codec="mjpeg", pixels="yuvj420p", options={})
    number = COUNT.to_bytes(4, "little")
    data = path.read_bytes()
    at = data.index(b"avih") + 24
    assert data[at : at + 4] == number
    path.write_bytes(data[:at] + (999).to_bytes(4, "little") + data[at + 4 :])
    assert_same_by_every_way(path, list(range(COUNT)))


def test_iterators_and_single_frames_do_not_disturb_each_other(h264: Path) -> None:
    with open_clip(h264) as clip:
        expected = pictures(clip)
        first, second = clip.frames(), clip.frames(20)
        backward = clip.frames_reversed()
        for at in range(15):
            assert np.array_equal(next(first).image, expected[at])
            assert np.array_equal(next(second).image, expected[20 + at])
            assert np.array_equal(next(backward).image, expected[COUNT - 1 - at])
            assert np.array_equal(clip.frame(7).image, expected[7])


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_threads_can_share_a_clip(tmp_path: Path, name: str) -> None:
    path = write_numbered(tmp_path / name, COUNT)
    with open_clip(path) as clip, ThreadPoolExecutor(4) as pool:
        orders = [Random(seed).sample(range(COUNT), 10) for seed in range(4)]
        read = list(pool.map(lambda order: [number_of(clip.frame(n).image) for n in order], orders))
    assert read == orders


def test_going_on_decodes_each_frame_once(h264: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decoded(monkeypatch)
    with open_clip(h264) as clip:
        for index in range(COUNT):
            clip.frame(index)
            clip.frame(index)  # asking again costs nothing
    assert len(decoded) <= COUNT + 2


def test_going_backward_decodes_each_group_once(h264: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decoded(monkeypatch)
    with open_clip(h264) as clip:
        assert [frame.index for frame in clip.frames_reversed()] == list(range(COUNT))[::-1]
    assert len(decoded) <= COUNT + 4  # one to see where each seek led
    decoded.clear()
    with open_clip(h264) as clip:
        monkeypatch.setattr("splitmask.media.video._BACKWARD_BYTES", clip._picture_bytes * 16)  # type: ignore[attr-defined]
        assert sum(1 for _ in clip.frames_reversed()) == COUNT
    assert len(decoded) <= COUNT + 4  # groups of 12, though 16 would fit


def test_a_cursor_that_stands_near_is_used(h264: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_clip(h264) as clip:
        early, late = clip.frames(3), clip.frames(27)
        for frames in (early, late):
            next(frames)
        early.close()  # type: ignore[attr-defined]
        late.close()  # type: ignore[attr-defined]
        decoded = count_decoded(monkeypatch)
        for index in (4, 28, 5, 29, 6, 30):
            assert number_of(clip.frame(index).image) == index
    assert len(decoded) <= 6 + 4  # what comes with a packet, not a group each time


def test_long_groups_are_held_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.mp4", COUNT, options={**H264, "g": "1000"})
    with open_clip(path) as clip:
        expected = pictures(clip)
        monkeypatch.setattr("splitmask.media.video._BACKWARD_BYTES", clip._picture_bytes * 7)  # type: ignore[attr-defined]
        for frame in clip.frames_reversed():
            assert np.array_equal(frame.image, expected[frame.index])
        monkeypatch.setattr("splitmask.media.video._BACKWARD_BYTES", 0)
        assert [number_of(frame.image) for frame in clip.frames_reversed(3, 8)] == [7, 6, 5, 4, 3]


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", (numbered(n % 1024) for n in range(1500)))
    process = psutil.Process()
    for read in (lambda clip: clip.frames(), lambda clip: clip.frames_reversed()):
        with open_clip(path) as clip:
            frames = read(clip)
            for _ in range(200):
                next(frames)
            gc.collect()
            before = process.memory_info().rss
            assert sum(1 for _ in frames) == 1300
            gc.collect()
            assert process.memory_info().rss - before < 5_000_000


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every picture that the decoder gives."""
    from splitmask.media.container import VideoFile

    decoded: list[int] = []
    original = VideoFile._decode

    def counting(self: VideoFile, packet: Any) -> Any:
        got = original(self, packet)
        decoded.extend(1 for _ in got)
        return got

    monkeypatch.setattr(VideoFile, "_decode", counting)
    return decoded


def test_the_end_is_known_once_it_was_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.ts", COUNT)
    decoded = count_decoded(monkeypatch)
    with open_clip(path) as clip:
        assert len(list(clip)) == clip.count() == COUNT
        assert len(decoded) == COUNT
        with pytest.raises(PromptError, match="frame 40 does not exist"):
            clip.frame(COUNT)


def test_pictures_before_their_key_frame_do_not_send_it_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_numbered(folder / "leading.mp4", COUNT, **VIDEOS["leading.mp4"])
    decoded = count_decoded(monkeypatch)
    with open_clip(path) as clip:
        assert number_of(clip.frame(26).image) == 26
    assert len(decoded) < 20  # less than from the beginning


def test_a_key_frame_that_is_none_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(folder / "refresh.mp4", COUNT, **VIDEOS["refresh.mp4"])
    with open_clip(path) as clip:
        clip.frame(30)
        clip.frame(20)
        decoded = count_decoded(monkeypatch)
        assert number_of(clip.frame(30).image) == 30
    assert len(decoded) < 15  # goes on from 20


@pytest.mark.parametrize("name", ["raw.h264", "h264.avi", "mpeg4.avi"])
def test_frames_without_times_follow_the_rate(folder: Path, name: str) -> None:
    with open_clip(write_numbered(folder / name, COUNT, **VIDEOS[name])) as clip:
        expected = [Fraction(index) / clip.rate for index in range(COUNT)]
        assert [frame.pts for frame in clip] == expected
        assert clip.count() == COUNT
        assert [frame.pts for frame in clip] == expected

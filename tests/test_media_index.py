from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_helpers import H264, decoded_count, write_numbered
from splitmask.media.container import VideoFile
from splitmask.media.index import (
    IndexBuilder,
    VideoIndex,
    in_decoding_order,
    index_packets,
    index_pictures,
    packets_tell,
)

COUNT = 30


def both(path: Path) -> tuple[VideoIndex | None, VideoIndex, bool]:
    """The index by packets, by decoding, and whether the file looks as if packets tell."""
    by_packets, by_pictures = VideoFile(path), VideoFile(path)
    try:
        picture = by_packets.peek()
        assert picture is not None
        tell = packets_tell(by_packets, picture)
        by_packets.close()
        by_packets = VideoFile(path)
        return index_packets(by_packets), index_pictures(by_pictures), tell
    finally:
        by_packets.close()
        by_pictures.close()


X265 = {"preset": "ultrafast", "x265-params": "keyint=12:bframes=3:log-level=none:pools=none"}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {}),
        ("a.mkv", {}),
        ("fragments.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
        ("open.mp4", {"options": {**H264, "x264-params": "open-gop=1:b-adapt=0:threads=1"}}),
        ("vfr.mp4", {"times": [40 * n + n * n for n in range(COUNT)]}),
        ("hevc.mp4", {"codec": "libx265", "options": X265}),
        (
            "a.webm",
            {"codec": "libvpx-vp9", "options": {"lag-in-frames": "16", "auto-alt-ref": "1", "cpu-used": "8"}},
        ),
        ("av1.mp4", {"codec": "libsvtav1", "options": {"preset": "12", "g": "12", "svtav1-params": "lp=1"}}),
        ("a.mov", {"codec": "prores_ks", "pixels": "yuv422p10le", "options": {}}),
    ],
)
def test_packets_tell_what_decoding_tells(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    path = write_numbered(tmp_path / name, COUNT, **how)
    by_packets, by_pictures, tell = both(path)
    assert tell
    assert by_packets is not None
    assert by_packets.count == by_pictures.count == decoded_count(path) == COUNT
    assert by_packets.times is not None
    np.testing.assert_array_equal(by_packets.times, by_pictures.times)
    np.testing.assert_array_equal(by_packets.keys, by_pictures.keys)
    assert by_packets.packets == COUNT


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.ts", {}),
        ("a.avi", {}),
        ("a.h264", {}),
        ("interlaced.mp4", {"options": {**H264, "x264-params": "tff=1"}}),
        (
            "hidden.webm",
            {"codec": "libvpx", "options": {"lag-in-frames": "16", "auto-alt-ref": "1", "b": "90k"}},
        ),
        ("packed.avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
    ],
)
def test_where_packets_do_not_tell_decoding_does(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    path = write_numbered(tmp_path / name, COUNT, **how)
    _, by_pictures, tell = both(path)
    assert not tell
    assert by_pictures.count == decoded_count(path) == COUNT


def test_a_mov_of_whole_pictures_is_not_read_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.mov", 6, codec="prores_ks", pixels="yuv422p10le", options={})
    file = VideoFile(path)
    monkeypatch.setattr(file, "packets", None)
    index = index_packets(file)
    file.close()
    assert index is not None
    assert index.count == 6
    assert index.keys.tolist() == list(range(6))


def test_a_mov_of_whole_pictures_that_is_cut_off_is_read_through(tmp_path: Path) -> None:
    path = write_numbered(
        tmp_path / "a.mov",
        6,
        codec="prores_ks",
        pixels="yuv422p10le",
        options={},
        container={"movflags": "faststart"},
    )
    path.write_bytes(path.read_bytes()[:-100])
    by_packets, by_pictures, _ = both(path)
    assert by_packets is not None
    assert by_packets.count == by_pictures.count == 5


def test_times_that_contradict_the_reordering_are_not_believed(tmp_path: Path) -> None:
    given_path = write_numbered(tmp_path / "a.mp4", 12)
    path = tmp_path / "decoding times for both.mp4"
    with av.open(given_path) as source, av.open(path, "w") as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                packet.pts = packet.dts = (packet.dts or 0) + 2048
                output.mux(packet)
    by_packets, by_pictures, _ = both(path)
    assert by_packets is None
    assert by_pictures.count == 12


@given(st.sets(st.integers(-(2**40), 2**40), min_size=1), st.data())
def test_index_finds_times_and_keys(times: set[int], data: st.DataObject) -> None:
    keys = data.draw(st.sets(st.sampled_from(sorted(times))))
    builder = IndexBuilder()
    for time in data.draw(st.permutations(sorted(times))):
        builder.add(time, time in keys)
    index = builder.build()
    ordered = sorted(times)
    assert [index.position(time) for time in ordered] == list(range(len(ordered)))
    assert index.position(ordered[-1] + 1) is None
    assert index.position(None) is None
    for at in range(len(ordered)):
        before = [place for place, time in enumerate(ordered) if time in keys and place <= at]
        assert index.key_before(at) == (before[-1] if before else 0)


@pytest.mark.parametrize("times", [[1, 1, 2], [1, None, 2], [None], []])
def test_times_that_are_missing_or_shared_are_not_used(times: list[int | None]) -> None:
    builder = IndexBuilder()
    for time in times:
        builder.add(time, is_key=True)
    index = builder.build()
    assert index.count == len(times)
    assert index.times is None or not times


def test_pictures_whose_times_fall_have_none() -> None:
    builder = IndexBuilder()
    for time in (1, 3, 2):
        builder.add(time, is_key=True)
    assert in_decoding_order(builder).times is None
    assert in_decoding_order(builder).count == 3

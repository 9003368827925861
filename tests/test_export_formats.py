"""Each format, read back by something that did not write it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pycocotools.mask as coco
import pytest
from PIL import Image

from export_helpers import CLIP, OBJECTS, STILL, clip_frames, names
from splitmask.effects import Layer, rgb
from splitmask.effects.tint import overlay
from splitmask.export import EXPORTERS, ClipInfo
from splitmask.export.png import davis_palette
from splitmask.export.video import VideoWriter
from splitmask.result import ObjectInfo
from splitmask.types import ByteArray


def export(name: str, out: Path, clip: ClipInfo = CLIP, objects: tuple[ObjectInfo, ...] = OBJECTS) -> Path:
    exporter = EXPORTERS[name]
    with exporter.open(out, clip, objects) as writer:
        for frame, masks in clip_frames(1 if clip.is_still else 5, clip):
            writer.add(frame, masks)
    return out / exporter.target


def test_png(tmp_path: Path) -> None:
    folder = export("png", tmp_path)
    assert names(folder) == [f"{item}/{index:06d}.png" for item in (1, 2) for index in range(5)]
    for frame, masks in clip_frames():
        for item in (1, 2):
            with Image.open(folder / str(item) / f"{frame.index:06d}.png") as picture:
                assert picture.mode == "L"
                expected = masks.get(item, np.zeros(frame.size, bool))
                assert np.array_equal(np.array(picture), expected * np.uint8(255))


def test_png_of_a_still(tmp_path: Path) -> None:
    assert names(export("png", tmp_path, STILL)) == ["1/photo.of.me.png", "2/photo.of.me.png"]


def test_davis(tmp_path: Path) -> None:
    folder = export("davis", tmp_path)
    for frame, masks in clip_frames():
        with Image.open(folder / f"{frame.index:06d}.png") as picture:
            assert picture.mode == "P"
            numbers = np.array(picture)
            colors = np.array(picture.convert("RGB"))
        expected = np.zeros(frame.size, np.uint8)
        for item, mask in masks.items():
            expected[mask] = item
        assert np.array_equal(numbers, expected)
        assert colors[masks[1] & (numbers == 1)].tolist()[0] == [128, 0, 0]


def test_davis_palette_is_the_known_one() -> None:
    known = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128]]
    assert davis_palette()[:7].tolist() == known
    assert davis_palette()[[8, 255]].tolist() == [[64, 0, 0], [224, 224, 192]]


def test_davis_numbers_of_ids_that_do_not_fit(tmp_path: Path) -> None:
    objects = (ObjectInfo(0, "a", "#000000"), ObjectInfo(2, "b", "#ffffff"))
    with Image.open(export("davis", tmp_path, objects=objects) / "000000.png") as picture:
        assert np.unique(np.array(picture)).tolist() == [0, 2]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools' own
def test_rle_json(tmp_path: Path) -> None:
    document = json.loads(export("rle_json", tmp_path).read_text())
    assert document["objects"][1] == {"id": 2, "name": "red ball", "color": "#F3669A"}
    assert [frame["index"] for frame in document["frames"]] == [0, 1, 2, 3, 4]
    for record, (frame, masks) in zip(document["frames"], clip_frames(), strict=True):
        assert record["time"] == float(frame.pts or 0)
        assert [item["id"] for item in record["objects"]] == list(masks)
        for item in record["objects"]:
            mask = coco.decode({"size": item["rle"]["size"], "counts": item["rle"]["counts"].encode()})
            assert np.array_equal(mask.astype(bool), masks[item["id"]])
            assert item["area"] == masks[item["id"]].sum()


def test_labelled_mp4_shows_more_than_overlay(tmp_path: Path) -> None:
    plain, named = (decoded(export(name, tmp_path)) for name in ("overlay_mp4", "labelled_mp4"))
    first, second = (frames[0].to_ndarray(format="rgb24").astype(int) for frames in (plain, named))
    assert np.abs(first - second).mean() > 1


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(path) as container:
        return list(container.decode(video=0))


def test_overlay_mp4(tmp_path: Path) -> None:
    frames = decoded(export("overlay_mp4", tmp_path))
    assert len(frames) == 5
    for shown, (frame, masks) in zip(frames, clip_frames(), strict=True):
        assert (shown.height, shown.width) == (48, 62)
        assert shown.format.name == "yuv420p"
        layers = [Layer(masks[item.id], rgb(item.color)) for item in OBJECTS if item.id in masks]
        picture = shown.to_ndarray(format="rgb24")[:47, :61]
        off = np.abs(picture.astype(int) - overlay(frame.image, layers)).mean()
        assert off < 6  # mostly the chroma of the thin lines
        assert off < np.abs(picture.astype(int) - frame.image).mean() / 2


@pytest.mark.parametrize("time_base", [Fraction(1, 90_000), Fraction(1, 600), Fraction(1001, 30_000)])
def test_times_are_kept(time_base: Fraction, tmp_path: Path) -> None:
    ticks = [0, 2, 3, 7, 8, 20, 21, 22]
    times = [tick * max(time_base, Fraction(1, 60)) for tick in ticks]
    with VideoWriter(tmp_path / "v.mp4", (32, 32), Fraction(24), time_base) as video:
        for time in times:
            video.write(np.zeros((32, 32, 3), np.uint8), time)
    for frame, time in zip(decoded(tmp_path / "v.mp4"), times, strict=True):
        assert frame.pts is not None
        assert frame.time_base is not None
        assert abs(frame.pts * frame.time_base - time) <= time_base / 2


def test_a_part_of_a_clip_begins_at_zero(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", (32, 32), Fraction(25), Fraction(1, 12_800)) as video:
        for index in (50, 51, 54):
            video.write(np.zeros((32, 32, 3), np.uint8), Fraction(index, 25))
    assert [frame.time for frame in decoded(tmp_path / "v.mp4")] == pytest.approx([0, 0.04, 0.16])


@pytest.mark.parametrize("time_base", [Fraction(1), Fraction(1, 1000), Fraction(1, 10_000_000)])
def test_odd_units_of_time(time_base: Fraction, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", (32, 32), Fraction(1), time_base) as video:
        for index in range(3):
            video.write(np.zeros((32, 32, 3), np.uint8), Fraction(index))
    assert [frame.time for frame in decoded(tmp_path / "v.mp4")] == pytest.approx([0, 1, 2])


def test_pictures_without_times_follow_the_rate(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", (16, 16), Fraction(30_000, 1001), Fraction(1, 90_000)) as video:
        for _ in range(7):
            video.write(np.zeros((16, 16, 3), np.uint8))
    with av.open(tmp_path / "v.mp4") as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(30_000, 1001)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(7 * 1001 / 30_000, abs=1e-3)


def flat(color: tuple[int, int, int]) -> ByteArray:
    return np.full((64, 64, 3), color, np.uint8)


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (12, 90, 200)])
def test_colors_are_kept_and_tagged(color: tuple[int, int, int], tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", (64, 64), Fraction(25), Fraction(1, 25)) as video:
        video.write(flat(color))
    frame = decoded(tmp_path / "v.mp4")[0]
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)
    y, u, v = (plane.astype(float).mean() for plane in _planes(frame))
    # ITU-R BT.709, limited range, written out.
    luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    assert np.abs(np.array([r, g, b]) * 255 - color).max() < 4


def _planes(frame: av.VideoFrame) -> list[ByteArray]:
    flat_planes = frame.to_ndarray()  # (96, 64): Y, then U and V at half size
    return [flat_planes[:64], flat_planes[64:80], flat_planes[80:]]

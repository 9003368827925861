"""What holds for every export: whole or not there, whatever happens on the way."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from export_helpers import CLIP, OBJECTS, STILL, clip_frames, full_disk, names
from splitmask.errors import MaskError, OutputError
from splitmask.export import EXPORTERS, ClipInfo, Exporter, prepare_out_dir

every = pytest.mark.parametrize("exporter", EXPORTERS.values(), ids=EXPORTERS)


def write(exporter: Exporter, out: Path, count: int = 5, clip: ClipInfo = CLIP) -> None:
    with exporter.open(out, clip, OBJECTS) as writer:
        for frame, masks in clip_frames(count, clip):
            writer.add(frame, masks)


def content(path: Path) -> object:
    """What a file says: the times of a video's frames (encoders may differ by a byte), else its bytes."""
    if path.suffix == ".mp4":
        with av.open(path) as container:
            return [frame.time for frame in container.decode(video=0)]
    return path.read_bytes()


@every
def test_makes_its_target_and_nothing_else(exporter: Exporter, tmp_path: Path) -> None:
    write(exporter, tmp_path / "new" / "out")
    assert [item.name for item in (tmp_path / "new" / "out").iterdir()] == [exporter.target]


@every
def test_a_still(exporter: Exporter, tmp_path: Path) -> None:
    write(exporter, tmp_path, 1, STILL)
    assert (tmp_path / exporter.target).exists()


@every
def test_nothing_has_the_name_before_the_end(exporter: Exporter, tmp_path: Path) -> None:
    writer = exporter.open(tmp_path, CLIP, OBJECTS)
    for frame, masks in clip_frames():
        writer.add(frame, masks)
        assert not (tmp_path / exporter.target).exists()
    writer.close()
    writer.close()
    assert (tmp_path / exporter.target).exists()


@every
def test_an_interrupt_keeps_what_was_written(exporter: Exporter, tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), exporter.open(tmp_path / "cut", CLIP, OBJECTS) as writer:
        for frame, masks in clip_frames():
            if frame.index == 3:
                raise KeyboardInterrupt
            writer.add(frame, masks)
    write(exporter, tmp_path / "short", count=3)
    assert names(tmp_path / "cut") == names(tmp_path / "short")
    for name in names(tmp_path / "cut"):
        assert content(tmp_path / "cut" / name) == content(tmp_path / "short" / name)


@every
def test_no_frame_leaves_nothing(exporter: Exporter, tmp_path: Path) -> None:
    with exporter.open(tmp_path, CLIP, OBJECTS):
        pass
    assert list(tmp_path.iterdir()) == []


@every
def test_a_full_disk_is_one_line_and_leaves_nothing(exporter: Exporter, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, full_disk():
        write(exporter, tmp_path, count=30)
    assert str(tmp_path / exporter.target) in str(caught.value)
    assert "File too large" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@every
def test_a_full_disk_keeps_the_output_from_before(exporter: Exporter, tmp_path: Path) -> None:
    write(exporter, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(OutputError), full_disk():
        write(exporter, tmp_path, count=30)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


@every
def test_replaces_the_output_from_before(exporter: Exporter, tmp_path: Path) -> None:
    write(exporter, tmp_path / "a", count=5)
    write(exporter, tmp_path / "a", count=2)
    write(exporter, tmp_path / "b", count=2)
    assert names(tmp_path / "a") == names(tmp_path / "b")


@every
def test_a_folder_that_cannot_be_made(exporter: Exporter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot write"):
        write(exporter, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@every
def test_sizes_that_do_not_fit(exporter: Exporter, tmp_path: Path) -> None:
    frame, masks = next(clip_frames())
    writer = exporter.open(tmp_path, CLIP, OBJECTS)
    with pytest.raises(MaskError, match="frame 0"):
        writer.add(frame, {1: masks[1].T})
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@every
def test_objects_unknown_to_the_export_are_left_out(exporter: Exporter, tmp_path: Path) -> None:
    frame, masks = next(clip_frames())
    for folder, given in (("a", masks), ("b", {**masks, 99: masks[1]})):
        with exporter.open(tmp_path / folder, CLIP, OBJECTS) as writer:
            writer.add(frame, given)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for name in names(tmp_path / "a"):
        assert content(tmp_path / "a" / name) == content(tmp_path / "b" / name)


@every
def test_memory_is_flat(exporter: Exporter, tmp_path: Path) -> None:
    with exporter.open(tmp_path, CLIP, OBJECTS) as writer:
        frames = clip_frames(150)
        for frame, masks in (next(frames) for _ in range(20)):
            writer.add(frame, masks)
        tracemalloc.start()
        for frame, masks in frames:
            writer.add(frame, masks)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 150_000  # one frame with its masks is 14 kB; all of them would be 2 MB


def test_prepare_out_dir(tmp_path: Path) -> None:
    out = prepare_out_dir(tmp_path / "a" / "b", ["masks", "overlay.mp4"])
    assert out.is_dir()
    (out / "notes.txt").write_text("mine")
    prepare_out_dir(out, ["masks"])
    (out / "masks").mkdir()
    with pytest.raises(OutputError, match="already holds masks; add --overwrite"):
        prepare_out_dir(out, ["masks", "overlay.mp4"])
    prepare_out_dir(out, ["masks"], overwrite=True)
    assert names(out) == ["notes.txt"]
    with pytest.raises(OutputError, match="it is a file"):
        prepare_out_dir(out / "notes.txt", [])


def test_clip_names() -> None:
    assert CLIP.frame_name(12, ".png") == "000012.png"
    assert STILL.frame_name(0, ".png") == "photo.of.me.png"


def test_masks_of_the_helper_are_what_the_tests_need() -> None:
    frames = list(clip_frames())
    assert 2 not in frames[2][1]
    assert all(np.any(mask) and not np.all(mask) for _, masks in frames for mask in masks.values())

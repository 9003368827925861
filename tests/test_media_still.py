from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media_helpers import number_of, numbered
from splitmask.errors import PromptError
from splitmask.media import open_clip
from splitmask.media.still import SequenceClip, StillClip


def save_all(path: Path, count: int, **how: object) -> Path:
    first, *rest = [Image.fromarray(numbered(number)) for number in range(count)]
    first.save(path, save_all=True, append_images=rest, **how)
    return path


def test_a_still_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(numbered(5)).save(path)
    with open_clip(path) as clip:
        assert isinstance(clip, StillClip)
        assert (clip.height, clip.width, clip.count(), clip.frame_count) == (64, 96, 1, 1)
        (frame,) = clip
        assert (frame.index, frame.pts, number_of(frame.image)) == (0, None, 5)
        assert [frame.index for frame in clip.frames_reversed()] == [0]
        with pytest.raises(PromptError, match=r"frame 1 does not exist: .*a\.png has 1 frame; choose"):
            clip.frame(1)


@pytest.mark.parametrize(
    ("suffix", "how"),
    [("gif", {}), ("png", {}), ("webp", {"lossless": True}), ("tiff", {})],
)
def test_animations_and_stacks_are_clips(tmp_path: Path, suffix: str, how: dict[str, object]) -> None:
    path = save_all(tmp_path / f"a.{suffix}", 5, duration=40, **how)
    with open_clip(path) as clip:
        assert isinstance(clip, SequenceClip)
        assert clip.count() == 5
        assert clip.rate == (10 if suffix == "tiff" else 25)
        assert [(frame.index, number_of(frame.image)) for frame in clip] == [(n, n) for n in range(5)]
        assert [number_of(frame.image) for frame in clip.frames_reversed(1, 4)] == [3, 2, 1]
        assert number_of(clip.frame(3).image) == 3
        assert [frame.index for frame in clip.frames(0, None, 2)] == [0, 2, 4]


def test_each_frame_of_an_animation_has_its_time(tmp_path: Path) -> None:
    path = save_all(tmp_path / "a.gif", 4, duration=[40, 100, 0, 500])
    with open_clip(path) as clip:
        assert [frame.pts for frame in clip] == [0, Fraction(4, 100), Fraction(14, 100), Fraction(24, 100)]
        assert clip.frame(2).pts == Fraction(14, 100)
        assert clip.rate == 4 / Fraction(74, 100)  # 0 counts as 0.1 s, as in browsers


def test_going_backward_holds_a_chunk_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitmask.media.still._CHUNK", 3)
    with open_clip(save_all(tmp_path / "a.gif", 8)) as clip:
        assert [number_of(frame.image) for frame in clip.frames_reversed()] == list(range(7, -1, -1))


def test_pages_of_different_sizes_are_not_a_stack(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    pages = [Image.fromarray(np.zeros((8, side, 3), np.uint8)) for side in (8, 4)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with open_clip(path) as clip:
        assert (clip.count(), clip.width) == (1, 8)
        assert clip.notes == [f"{path}: its pages differ in size; only the first is used"]


def test_deep_stacks_are_scaled_page_by_page(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 4), value, np.uint16)) for value in (0, 257 * 100, 65535)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    with open_clip(tmp_path / "a.tiff") as clip:
        assert [int(frame.image[0, 0, 0]) for frame in clip] == [0, 100, 255]

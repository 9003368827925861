import hashlib
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from media_helpers import number_of, numbered
from splitmask.errors import MediaError, PromptError
from splitmask.media import open_clip
from splitmask.media.folder import FolderClip, natural_key


def fill(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        Image.fromarray(numbered(number)).save(folder / name)
    return folder


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    fill(tmp_path, *(f"frame{number}.png" for number in range(12)))
    with open_clip(tmp_path) as clip:
        assert isinstance(clip, FolderClip)
        assert clip.name == tmp_path.name
        assert (clip.count(), clip.frame_count, clip.rate, clip.notes) == (12, 12, 24, [])
        assert [(frame.index, number_of(frame.image)) for frame in clip] == [(n, n) for n in range(12)]
        assert [number_of(frame.image) for frame in clip.frames_reversed(2, 5)] == [4, 3, 2]
        assert clip.frame(3).pts == Fraction(3, 24)
        assert clip.file(10).name == "frame10.png"
        with pytest.raises(PromptError, match="frame 12 does not exist"):
            clip.frame(12)
        with pytest.raises(PromptError, match="frame -1 does not exist"):
            clip.file(-1)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "00000.jpg", "00001.jpg", ".hidden.jpg")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "masks").mkdir()
    assert open_clip(tmp_path).count() == 2


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["00000.png", "00001.png", "00004.png"], "jump from 00001.png to 00004.png; frames are counted"),
        (["1.png", "3.png", "4.png", "9.png"], "jump from 1.png to 3.png and 1 more gaps; frames"),
        (["00000.png", "00005.png", "00010.png"], None),
        (["b.png", "a.png", "c9.png"], None),
        (["shot1_001.png", "shot1_002.png", "shot2_001.png"], None),
    ],
)
def test_gaps_leave_a_note(tmp_path: Path, names: list[str], note: str | None) -> None:
    clip = open_clip(fill(tmp_path, *names))
    assert clip.count() == len(names)
    assert (note in clip.notes[0]) if note else not clip.notes


def test_mixed_sizes_name_the_first_that_differs(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "1.png")
    for name in ("2.png", "3.png"):
        Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(MediaError, match=r"2\.png is 7 × 9 pixels, the frames before it 96 × 64; bring"):
        open_clip(tmp_path)


def test_a_frame_that_changes_while_reading_is_an_error(tmp_path: Path) -> None:
    clip = open_clip(fill(tmp_path, "0.png", "1.png"))
    Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(MediaError, match=r"1\.png is 7 × 9 pixels"):
        list(clip)


def test_turned_photos_count_as_they_are_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    for number in range(2):
        Image.fromarray(np.zeros((8, 16, 3), np.uint8)).save(tmp_path / f"{number}.jpg", exif=exif)
    Image.fromarray(np.zeros((16, 8, 3), np.uint8)).save(tmp_path / "2.jpg")
    with open_clip(tmp_path) as clip:
        assert (clip.height, clip.width) == (16, 8)
        assert [frame.size for frame in clip] == [(16, 8)] * 3


def test_folders_without_images_say_what_they_hold(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no images; give a folder of frames"):
        open_clip(tmp_path)
    for name in ("a.mp4", "b.mp4", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(MediaError, match=r"holds no images \(but 2 × \.mp4\); give one of its files"):
        open_clip(tmp_path)


def test_two_kinds_of_one_frame_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "0.jpg", "1.jpg")
    with pytest.raises(MediaError, match=r"holds both 0\.jpg and 0\.png; keep frames of one kind"):
        open_clip(tmp_path)


def test_a_damaged_frame_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "1.png")
    (tmp_path / "1.png").write_bytes(b"no")
    with pytest.raises(MediaError, match=r"1\.png is not an image"):
        open_clip(tmp_path)


def test_the_hash_is_of_all_frames_in_order(tmp_path: Path) -> None:
    fill(tmp_path, "9.png", "10.png")
    both = (tmp_path / "9.png").read_bytes() + (tmp_path / "10.png").read_bytes()
    assert open_clip(tmp_path).sha256() == hashlib.sha256(both).hexdigest()


@given(st.lists(st.text("aB0189_.", max_size=6), max_size=8), st.randoms())
def test_natural_order_does_not_depend_on_where_names_began(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 3))
def test_natural_order_follows_the_numbers(one: int, other: int, zeros: int) -> None:
    names = [f"frame{'0' * zeros}{one}.png", f"frame{other}.png"]
    if one != other:
        assert (natural_key(names[0]) < natural_key(names[1])) == (one < other)

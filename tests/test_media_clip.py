import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from media_helpers import numbered, write_numbered
from splitmask.errors import MediaError, PromptError
from splitmask.media import Clip, open_clip

COUNT = 20


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clip")
    (folder / "frames").mkdir()
    for number in range(COUNT):
        Image.fromarray(numbered(number)).save(folder / "frames" / f"{number}.png")
    return {
        "folder": folder / "frames",
        "packets": write_numbered(folder / "a.mp4", COUNT),
        "pictures": write_numbered(folder / "a.ts", COUNT),
    }


kinds = pytest.mark.parametrize("kind", ["folder", "packets", "pictures"])


def indices(frames: object) -> list[int]:
    return [frame.index for frame in frames]  # type: ignore[attr-defined]


@kinds
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.none() | st.integers(0, COUNT + 3),
    stop=st.none() | st.integers(0, COUNT + 3),
    step=st.integers(1, 7),
    window=st.none() | st.tuples(st.integers(0, 9), st.none() | st.integers(10, COUNT + 3)),
)
def test_frames_are_a_slice(
    paths: dict[str, Path],
    kind: str,
    start: int | None,
    stop: int | None,
    step: int,
    window: tuple[int, int | None] | None,
) -> None:
    first, last = window or (0, None)
    expected = list(range(COUNT))[first if start is None else start : last if stop is None else stop]
    with open_clip(paths[kind], frames=window) as clip:
        assert indices(clip.frames(start, stop, step)) == expected[::step]
        assert indices(clip.frames_reversed(start, stop)) == expected[::-1]
        assert indices(clip) == list(range(COUNT))[first:last]
        assert list(clip.span()) == list(range(COUNT))[first:last]
        assert clip.count() == COUNT


@kinds
def test_frames_outside_the_window_can_still_be_read(paths: dict[str, Path], kind: str) -> None:
    with open_clip(paths[kind], frames=(5, 8)) as clip:
        assert clip.frame(0).index == 0
        assert clip.frame(COUNT - 1).index == COUNT - 1


@kinds
@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda clip: clip.frame(COUNT), f"has {COUNT} frames; choose one of 0 to {COUNT - 1}"),
        (lambda clip: clip.frame(-1), "frame -1 does not exist"),
        (lambda clip: clip.frames(-1), "is negative"),
        (lambda clip: clip.frames(0, -1), "is negative"),
        (lambda clip: clip.frames_reversed(-2, 3), "is negative"),
        (lambda clip: clip.frames(step=0), "step 0 between frames is not possible"),
    ],
)
def test_indices_outside_are_one_line(
    paths: dict[str, Path], kind: str, read: Callable[[Clip], object], message: str
) -> None:
    with open_clip(paths[kind]) as clip, pytest.raises(PromptError, match=message):
        read(clip)


@kinds
def test_a_window_beyond_the_end_is_refused_at_once(paths: dict[str, Path], kind: str) -> None:
    with pytest.raises(PromptError, match=rf"20:30 begins beyond the end of .*, which has {COUNT} frames"):
        open_clip(paths[kind], frames=(20, 30))
    with pytest.raises(PromptError, match="is empty"):
        open_clip(paths[kind], frames=(5, 5))


def test_sha256_is_that_of_the_file(paths: dict[str, Path]) -> None:
    path = paths["packets"]
    with open_clip(path) as clip:
        assert clip.sha256() == clip.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert repr(clip) == f"<VideoClip {path} 96×64>"


def test_the_hash_of_a_file_that_went_away_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(numbered(0)).save(path)
    with open_clip(path) as clip:
        path.unlink()
        with pytest.raises(MediaError, match=r"a\.png does not exist"):
            clip.sha256()


@pytest.mark.parametrize("kind", ["packets", "pictures"])
def test_a_closed_video_says_so(paths: dict[str, Path], kind: str) -> None:
    clip = open_clip(paths[kind])
    clip.close()
    clip.close()
    with pytest.raises(MediaError, match="was closed; open it again"):
        clip.frame(0)

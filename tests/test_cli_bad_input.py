"""What users get wrong: one clear line, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cli_helpers import files, photo, small_model, splitmask
from media_helpers import write_numbered, write_silence

Capsys = pytest.CaptureFixture[str]


def missing(path: Path) -> Path:
    return path / "nowhere"


def empty(path: Path) -> Path:
    (path / "empty.mp4").touch()
    return path / "empty.mp4"


def truncated_video(path: Path) -> Path:
    whole = write_numbered(path / "cut.mp4", 30)
    whole.write_bytes(whole.read_bytes()[:2000])
    return whole


def truncated_image(path: Path) -> Path:
    whole = photo(path / "cut.png", 400, 300)
    whole.write_bytes(whole.read_bytes()[:900])
    return whole


def audio_only(path: Path) -> Path:
    with av.open(path / "sound.m4a", "w") as output:
        write_silence(output, output.add_stream("aac", rate=8000), seconds=1)
    return path / "sound.m4a"


def text(path: Path) -> Path:
    (path / "notes.txt").write_text("no picture\n" * 100)
    return path / "notes.txt"


def disguised(path: Path) -> Path:
    (path / "clip.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    return path / "clip.mp4"


def folder_of_text(path: Path) -> Path:
    (path / "frames").mkdir()
    (path / "frames" / "a.txt").write_text("x")
    return path / "frames"


MEDIA = [missing, empty, truncated_image, audio_only, text, disguised, folder_of_text]


@pytest.mark.parametrize("make", [*MEDIA, truncated_video])
@pytest.mark.parametrize("command", ["segment", "track"])
def test_media_that_cannot_be_read(
    capsys: Capsys, tmp_path: Path, command: str, make: Callable[[Path], Path]
) -> None:
    source, out = make(tmp_path), tmp_path / "out"
    words = [command, source, "--model", small_model(), "--point", "5,5", "-o", out]
    assert source.name in splitmask(capsys, *words).error
    assert not out.exists()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "clip.mp4", 6)


PROMPTS = [
    (["--point", "97,10"], "outside the frame"),
    (["--point", "10,-1"], "outside the frame"),
    (["--point", "nan,3"], "outside the frame"),
    (["--box", "10,10,10,40"], "has no area"),
    (["--box", "40,40,10,10"], "has no area"),
    (["--box", "200,10,300,40"], "outside the frame"),
    (["--point", "1;2"], "expected X,Y"),
    ([], "say what the object is"),
    (["--mask", "nowhere.png"], "nowhere.png"),
]
ON_FRAMES = [
    (["--frame", "6", "--point", "5,5"], "frame 6"),
    (["--frames", "2:4", "--frame", "1", "--point", "5,5"], "frame 1 is outside"),
    (["--frames", "4:2", "--point", "5,5"], "is empty"),
    (["--frames", "9:", "--point", "5,5"], "beyond the end"),
    (["--frames", "all", "--point", "5,5"], "not of the form A:B"),
    (["--forward", "--reverse", "--point", "5,5"], "exclude each other"),
    (["--save", "avi", "--point", "5,5"], "there is no such export"),
    (["--prompts", "nowhere.json"], "nowhere.json"),
]


@pytest.mark.parametrize(("words", "says"), [*PROMPTS, *ON_FRAMES])
def test_prompts_that_do_not_fit_the_clip(capsys: Capsys, clip: Path, words: list[str], says: str) -> None:
    out = clip.parent / "out"
    assert says in splitmask(capsys, "track", clip, "--model", small_model(), "-o", out, *words).error
    assert not out.exists()


@pytest.mark.parametrize(("words", "says"), PROMPTS)
def test_prompts_that_do_not_fit_the_image(
    capsys: Capsys, tmp_path: Path, words: list[str], says: str
) -> None:
    image, out = photo(tmp_path / "photo.png"), tmp_path / "out"
    assert says in splitmask(capsys, "segment", image, "--model", small_model(), "-o", out, *words).error
    assert not out.exists()


@pytest.mark.parametrize("command", ["segment", "track"])
def test_a_mask_of_another_size(capsys: Capsys, clip: Path, command: str) -> None:
    Image.fromarray(np.full((30, 40), 255, np.uint8)).save(clip.parent / "mask.png")
    source = clip if command == "track" else photo(clip.parent / "photo.png")
    words = [command, source, "--model", small_model(), "--mask", clip.parent / "mask.png"]
    error = splitmask(capsys, *words, "-o", clip.parent / "out").error
    assert "40 × 30" in error
    assert not (clip.parent / "out").exists()


def test_a_mask_in_a_prompts_file_of_another_clip(capsys: Capsys, clip: Path) -> None:
    mask = {"size": [4, 5], "counts": "01C"}
    prompts = [{"frame": 0, "object": 1, "points": [], "labels": [], "box": None, "mask": mask}]
    path = clip.parent / "prompts.json"
    path.write_text(json.dumps({"version": 1, "prompts": prompts}))
    words = ["track", clip, "--model", small_model(), "--prompts", path, "-o", clip.parent / "out"]
    splitmask(capsys, *words).error  # noqa: B018


@pytest.mark.parametrize("model", ["micro", "nowhere/model.pt", "sam2.1-tiny"])
def test_an_unknown_model(capsys: Capsys, clip: Path, model: str) -> None:
    out = clip.parent / "out"
    assert model in splitmask(capsys, "track", clip, "--point", "5,5", "--model", model, "-o", out).error
    assert not out.exists()


def test_an_unknown_engine(capsys: Capsys, clip: Path) -> None:
    words = ["track", clip, "--point", "5,5", "--model", small_model(), "--engine", "abacus"]
    assert "abacus" in splitmask(capsys, *words, "-o", clip.parent / "out").error


@contextmanager
def a_file(path: Path) -> Iterator[Path]:
    (path / "taken").write_text("mine")
    yield path / "taken"
    assert (path / "taken").read_text() == "mine"


@contextmanager
def in_a_file(path: Path) -> Iterator[Path]:
    (path / "taken").write_text("mine")
    yield path / "taken" / "deeper"


@contextmanager
def read_only(path: Path) -> Iterator[Path]:
    if os.geteuid() == 0:  # root may write anywhere but where the kernel itself says no
        yield Path("/proc/splitmask")
        return
    (path / "sealed").mkdir(mode=0o500)
    yield path / "sealed"


@pytest.mark.parametrize("place", [a_file, in_a_file, read_only])
@pytest.mark.parametrize("command", ["segment", "track", "demo"])
def test_an_out_folder_that_cannot_be_written(
    capsys: Capsys, clip: Path, command: str, place: Callable[[Path], Iterator[Path]]
) -> None:
    source = {"track": [clip], "segment": [photo(clip.parent / "photo.png")], "demo": []}[command]
    point = ["--point", "5,5"] if source else []
    with place(clip.parent) as out:  # type: ignore[attr-defined]
        words = [command, *source, *point, "--model", small_model(), "-o", out]
        assert "cannot write" in splitmask(capsys, *words).error
        assert not out.is_dir() or files(out) == []


@pytest.mark.parametrize("limit", [2_000, 20_000])
@pytest.mark.parametrize("command", ["segment", "track"])
def test_a_full_disk(tmp_path: Path, command: str, limit: int) -> None:
    """No file can grow beyond `limit` bytes: the system's own error, in a process of its own."""
    clip = write_numbered(tmp_path / "clip.mp4", 60)
    source = clip if command == "track" else photo(tmp_path / "photo.png", 1200, 900)
    words = [command, source, "--point", "5,5", "--model", small_model(), "-o", tmp_path / "out"]
    code = (
        "import resource, signal, sys\n"
        "from splitmask.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY}))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
    assert run.returncode == 2, run
    assert run.stderr.startswith("splitmask: cannot ")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()

"""`splitmask track`, from the clip to the files, and what a stop leaves."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cli_helpers import files, small_model, splitmask, started
from media_helpers import numbered, write_numbered, write_video
from splitmask.masks import rle
from splitmask.media import read_image
from splitmask.result import Result, load_result

Capsys = pytest.CaptureFixture[str]
LONG = 2000  # frames: more than are tracked before a stop


def track(capsys: Capsys, clip: Path, *words: object, save: str = "rle_json") -> Result:
    """Runs it with the small model into <clip's folder>/out; it has to succeed."""
    out = clip.parent / "out"
    outcome = splitmask(
        capsys, "track", clip, "--model", small_model(), "-o", out, "--save", save, "--overwrite", *words
    )
    assert (outcome.code, outcome.err) == (0, "")
    return load_result(out / clip.stem / "result.json")


def indices(result: Result) -> list[int]:
    return [frame.index for frame in result.frames]


def codes(result: Result) -> list[list[rle.Rle]]:
    return [[mask.rle for mask in frame.objects] for frame in result.frames]


def overlay_frames(folder: Path) -> int:
    with av.open(folder / "overlay.mp4") as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "clip.mp4", 12)


def test_a_click_gives_every_frame_and_all_files_agree(capsys: Capsys, clip: Path) -> None:
    result = track(capsys, clip, "--point", "50,40", save="png,rle_json,overlay_mp4")
    folder = clip.parent / "out" / "clip"
    assert indices(result) == list(range(12))
    assert [frame.pts for frame in result.frames] == [
        round(i / 25 / result.source.time_base) for i in range(12)
    ]
    assert [frame.objects[0].prompted for frame in result.frames] == [True] + [False] * 11
    pictures = [f"masks/1/{i:06d}.png" for i in range(12)]
    assert files(folder) == sorted(["masks.json", *pictures, "overlay.mp4", "result.json"])
    for frame, name in zip(result.frames, pictures, strict=True):
        shown = read_image(folder / name)[..., 0] > 0
        mask = frame.objects[0]
        assert np.array_equal(shown, rle.decode(mask.rle) if mask.presence > 0 else np.zeros_like(shown))
    assert overlay_frames(folder) == 12


def test_a_prompt_in_the_middle_reaches_both_ends(capsys: Capsys, clip: Path) -> None:
    both = track(capsys, clip, "--frame", "5", "--point", "50,40")
    assert indices(both) == list(range(12))
    assert both.frames[5].objects[0].prompted
    forward = track(capsys, clip, "--frame", "5", "--point", "50,40", "--forward")
    assert indices(forward) == list(range(5, 12))
    backward = track(capsys, clip, "--frame", "5", "--point", "50,40", "--reverse")
    assert indices(backward) == list(range(6))
    assert codes(backward) == codes(both)[:6]


def test_frames_limit_the_run_and_the_first_of_them_is_the_default(capsys: Capsys, clip: Path) -> None:
    result = track(capsys, clip, "--frames", "3:8", "--point", "50,40", save="overlay_mp4")
    assert indices(result) == [3, 4, 5, 6, 7]
    assert result.prompts[0].frame == 3
    assert overlay_frames(clip.parent / "out" / "clip") == 5


def test_objects_prompted_on_different_frames(capsys: Capsys, clip: Path) -> None:
    result = track(
        capsys, clip, "--object", "a", "--point", "50,40",
        "--object", "b", "--frame", "4", "--box", "20,20,60,50",
    )  # fmt: skip
    assert [[mask.id for mask in frame.objects] for frame in result.frames] == [[1, 2]] * 12
    alone = track(capsys, clip, "--frame", "4", "--box", "20,20,60,50")
    ours = [frame.objects[1].rle for frame in result.frames]
    assert [rle.iou(a, b[0]) for a, b in zip(ours, codes(alone), strict=True)] == pytest.approx(
        [1.0] * 12, abs=0.02
    )


def test_a_result_can_be_run_again_and_corrected(capsys: Capsys, clip: Path) -> None:
    words = ["--object", "ball", "--point", "50,40", "--point", "10,60,0"]
    first = track(capsys, clip, *words)
    kept = clip.parent / "kept.json"
    (clip.parent / "out" / "clip" / "result.json").rename(kept)
    again = track(capsys, clip, "--prompts", kept)
    assert again == first
    corrected = track(
        capsys, clip, "--prompts", kept, "--object", "ball", "--frame", "6", "--box", "5,5,30,30"
    )
    assert [(p.frame, p.object_id) for p in corrected.prompts] == [(0, 1), (6, 1)]
    assert codes(corrected)[:1] == codes(first)[:1]
    assert corrected.frames[6].objects[0].prompted


def test_a_mask_is_itself_the_output(capsys: Capsys, clip: Path) -> None:
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 24:72] = 255
    Image.fromarray(mask).save(clip.parent / "mask.png")
    result = track(capsys, clip, "--mask", clip.parent / "mask.png")
    assert rle.iou(result.frames[0].objects[0].rle, rle.encode(mask > 0)) > 0.95


def test_a_folder_of_frames_is_a_clip(capsys: Capsys, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(4):
        Image.fromarray(numbered(number)).save(tmp_path / "frames" / f"{number:03d}.png")
    result = track(capsys, tmp_path / "frames", "--point", "50,40", save="overlay_mp4,davis")
    assert indices(result) == [0, 1, 2, 3]
    assert overlay_frames(tmp_path / "out" / "frames") == 4


def test_uneven_times_survive(capsys: Capsys, tmp_path: Path) -> None:
    times = [0, 40, 200, 210, 500]
    clip = write_video(tmp_path / "clip.mp4", map(numbered, range(5)), times=times)
    result = track(capsys, clip, "--point", "50,40", save="overlay_mp4")
    base = result.source.time_base
    assert [float((frame.pts or 0) * base * 1000) for frame in result.frames] == times
    with av.open(tmp_path / "out" / "clip" / "overlay.mp4") as container:
        shown = [float(frame.pts * frame.time_base * 1000) for frame in container.decode(video=0)]
    assert shown == pytest.approx(times, abs=1)


def test_rotation_is_applied(capsys: Capsys, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 3, rotation=90)
    result = track(capsys, clip, "--point", "30,80")  # outside, were it not turned
    assert (result.source.width, result.source.height) == (64, 96)
    assert result.frames[0].objects[0].rle.size == (96, 64)


def test_odd_sizes_and_single_pixels(capsys: Capsys, tmp_path: Path) -> None:
    odd = write_video(
        tmp_path / "odd.mov", [numbered(n, 63, 97) for n in range(3)], codec="png", pixels="rgb24", options={}
    )
    result = track(capsys, odd, "--point", "96.5,62.5", save="overlay_mp4,png")
    assert result.frames[0].objects[0].rle.size == (63, 97)
    dot = write_video(
        tmp_path / "dot.mov", [np.full((1, 1, 3), 80, np.uint8)] * 3, codec="png", pixels="rgb24", options={}
    )
    result = track(capsys, dot, "--point", "0.5,0.5", save="overlay_mp4,png")
    assert [frame.objects[0].rle.size for frame in result.frames] == [(1, 1)] * 3


def test_deep_colour_and_alpha(capsys: Capsys, tmp_path: Path) -> None:
    image = np.zeros((40, 50, 4), np.uint8)
    image[10:30, 10:30] = (200, 60, 30, 255)
    alpha = write_video(tmp_path / "alpha.mkv", [image] * 2, codec="ffv1", pixels="bgra", options={})
    assert indices(track(capsys, alpha, "--point", "20,20", save="overlay_mp4")) == [0, 1]
    deep = write_video(
        tmp_path / "deep.mkv", [image[..., :3]] * 2, codec="ffv1", pixels="gbrp16le", options={}
    )
    assert indices(track(capsys, deep, "--point", "20,20", save="overlay_mp4")) == [0, 1]


def test_a_wrong_frame_count_in_the_header_is_not_believed(capsys: Capsys, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.avi", 9, codec="mpeg4", options={})
    data = bytearray(clip.read_bytes())
    at = data.index(b"avih") + 8 + 16  # dwTotalFrames
    assert int.from_bytes(data[at : at + 4], "little") == 9
    data[at : at + 4] = (400).to_bytes(4, "little")
    clip.write_bytes(data)
    assert indices(track(capsys, clip, "--point", "50,40")) == list(range(9))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("frame", [0, LONG - 1])
def test_a_stop_leaves_a_whole_result(tmp_path: Path, frame: int, number: signal.Signals, code: int) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", LONG)
    out = tmp_path / "out"
    run = started("track", clip, "--model", small_model(), "--frame", frame, "--point", "50,40", "-o", out)
    wanted = ".masks.*.part/1/*.png" if frame == 0 else ".masks.*.part"  # the run against time writes nothing
    deadline = time.monotonic() + 60
    while not list((out / "clip").glob(wanted)) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.4)
    run.send_signal(number)
    printed, errors = run.communicate(timeout=60)
    assert (run.returncode, errors) == (code, "")
    assert "stopped after" in printed
    result = load_result(out / "clip" / "result.json")
    assert not result.complete
    done = indices(result)
    assert 0 < len(done) < LONG
    assert done == list(range(done[0], done[0] + len(done)))
    assert frame in done
    assert overlay_frames(out / "clip") == len(done)
    assert len(list((out / "clip" / "masks" / "1").iterdir())) == len(done)
    assert not [name for name in files(out) if "/." in name]

"""What the video predictor does beyond the official one: bounded memory, threads, clear errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
import torch
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

import compat_official as official
from splitmask.compat.sam2 import SAM2VideoPredictor, video_state
from splitmask.compat.sam2.base import Flags
from splitmask.compat.sam2.components import drop_islands, fill_holes, region_areas
from splitmask.compat.sam2.frames import open_frames
from splitmask.compat.sam2.sam2_video_predictor import without_overlaps
from splitmask.errors import MediaError, PromptError
from splitmask.presets import TEST_HIERA

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@cache
def predictor() -> SAM2VideoPredictor:
    model = SAM2VideoPredictor(TEST_HIERA, Flags(dynamic_multimask_via_stability=True))
    return official.compat(model, official.redraw(model, seed=0, presence=5.0))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return official.write_video(tmp_path_factory.mktemp("video") / "frames", 16)


def run(state: Any, **kwargs: Any) -> torch.Tensor:
    return torch.stack([masks for _, _, masks in predictor().propagate_in_video(state, **kwargs)])


def prompted(video: Path, **kwargs: Any) -> Any:
    state = predictor().init_state(video, **kwargs)
    predictor().add_new_points_or_box(state, 0, 1, points=[[30, 40]], labels=[1])
    predictor().add_new_points_or_box(state, 2, 2, box=[20, 10, 80, 70])
    return state


def test_the_state_tells_of_the_video(video: Path) -> None:
    state = prompted(video)
    assert (state["num_frames"], state["video_height"], state["video_width"]) == (16, 90, 120)
    assert state["obj_ids"] == [1, 2]
    assert state["images"][3].shape == (3, 128, 128)
    with pytest.raises(KeyError, match="num_frames"):
        state["output_dict"]


@pytest.mark.parametrize(
    "options",
    [{"async_loading_frames": True}, {"offload_video_to_cpu": True, "offload_state_to_cpu": True}],
)
def test_options_of_loading_change_nothing_but_where_things_are(
    video: Path, options: dict[str, bool]
) -> None:
    expected, state = run(prompted(video)), prompted(video, **options)
    torch.testing.assert_close(run(state), expected, rtol=0, atol=0)
    expected = run(prompted(video), start_frame_idx=10, reverse=True)
    state = prompted(video, **options)
    torch.testing.assert_close(run(state, start_frame_idx=10, reverse=True), expected, rtol=0, atol=0)


def test_the_next_frame_is_decoded_while_one_is_worked_on(video: Path) -> None:
    eager, lazy = (open_frames(video, 64, CPU, ahead=ahead) for ahead in (True, False))
    for frames in (eager, lazy):
        for index in (7, 6):  # a run in reverse
            _ = frames[index]
    assert 5 in eager._held
    assert 5 not in lazy._held


def test_objects_together_are_what_each_is_alone(video: Path) -> None:
    together = run(prompted(video))
    alone = predictor().init_state(video)
    predictor().add_new_points_or_box(alone, 2, 2, box=[20, 10, 80, 70])
    torch.testing.assert_close(run(alone, start_frame_idx=0), together[:, 1:], rtol=0, atol=1e-4)


def test_memories_beyond_the_limit_on_disk_are_made_again(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def corrected() -> torch.Tensor:
        state = prompted(video)
        run(state)
        predictor().add_new_points_or_box(state, 8, 1, points=[[60, 40]], labels=[0])
        return run(state, start_frame_idx=8)

    expected = corrected()
    monkeypatch.setattr(video_state, "MEMORIES_ON_DISK", 0)
    torch.testing.assert_close(corrected(), expected, rtol=0, atol=1e-4)


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    folder = official.write_video(tmp_path / "long", 4)
    for i in range(4, 500):
        (folder / f"{i:05d}.jpg").hardlink_to(folder / f"{i % 4:05d}.jpg")
    state = predictor().init_state(folder)
    predictor().add_new_points_or_box(state, 0, 1, points=[[30, 40]], labels=[1])
    process, used = psutil.Process(), {}
    for frame, _, _ in predictor().propagate_in_video(state):
        used[frame] = process.memory_info().rss
    assert (used[499] - used[199]) / 300 < 10_000
    held = [output for output in state.objects[1].non_cond.values() if output.memory is not None]
    assert len(held) <= TEST_HIERA.num_memories


def test_many_sessions_share_one_model(video: Path) -> None:
    expected, results = run(prompted(video)), []

    def work() -> None:
        results.append(run(prompted(video)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    for result in results:
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)


def test_a_reset_ends_the_run(video: Path) -> None:
    state = prompted(video)
    frames = []
    for frame, _, _ in predictor().propagate_in_video(state):
        frames.append(frame)
        if frame == 4:
            predictor().reset_state(state)
    assert frames == [0, 1, 2, 3, 4]
    assert state.obj_ids == []


def test_objects_may_come_and_go_during_a_run(video: Path) -> None:
    state, seen = prompted(video), []
    for frame, obj_ids, masks in predictor().propagate_in_video(state, max_frame_num_to_track=8):
        assert len(masks) == len(obj_ids)
        seen.append(obj_ids)
        if frame == 3:
            predictor().add_new_points_or_box(state, 3, 9, points=[[30, 40]], labels=[1])
        if frame == 5:
            predictor().remove_object(state, 1)
    assert seen == [[1, 2]] * 6 + [[2]] * 3
    assert run(state, start_frame_idx=9).shape[1] == 2


def test_a_prompt_that_is_left_alone_starts_anew(video: Path) -> None:
    state = predictor().init_state(video)
    predictor().add_new_points_or_box(state, 0, 1, points=[[30, 40]], labels=[1])
    run(state)
    predictor().clear_all_prompts_in_frame(state, 0, 1)
    fresh = predictor().init_state(video)
    expected = predictor().add_new_points_or_box(fresh, 5, 1, points=[[50, 40]], labels=[1])
    predictor().add_new_mask(state, 5, 1, np.zeros((90, 120), bool))
    answer = predictor().add_new_points_or_box(state, 6, 1, points=[[50, 40]], labels=[1])
    assert answer[2].shape == expected[2].shape
    assert run(state, start_frame_idx=5).shape[0] == 11


def test_autocast_as_the_official_examples_have_it(video: Path) -> None:
    expected = run(prompted(video), max_frame_num_to_track=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = prompted(video)
        masks = run(state, max_frame_num_to_track=4)
    assert masks.dtype == torch.float32
    assert ((masks > 0) == (expected > 0)).float().mean() > 0.9


@pytest.mark.parametrize("area", [1, 8, 50])
def test_holes_are_filled_as_scipy_finds_them(area: int) -> None:
    logits = torch.randn(3, 1, 40, 50, generator=torch.Generator().manual_seed(area)) - 0.3
    filled, cleaned = fill_holes(logits, area, 0.0, 0.1), drop_islands(logits, logits, area, 0.0, -9.0)
    for i in range(3):
        for result, sign, value in ((filled, -1, 0.1), (cleaned, 1, -9.0)):
            inside = logits[i, 0].numpy() > 0 if sign == 1 else logits[i, 0].numpy() <= 0
            labels, _ = ndimage.label(inside, np.ones((3, 3)))
            sizes = np.bincount(labels.ravel())[labels]
            small = inside & (sizes <= area)
            expected = np.where(small, np.float32(value), logits[i, 0].numpy())
            np.testing.assert_array_equal(result[i, 0].numpy(), expected)
    assert not torch.equal(filled, logits)


def test_a_region_that_winds_is_one() -> None:
    mask = torch.zeros(1, 1, 65, 64, dtype=torch.bool)
    mask[..., ::4, :] = True
    for k in range(16):
        mask[..., 4 * k : 4 * k + 4, 63 if k % 2 == 0 else 0] = True
    assert torch.equal(region_areas(mask)[mask].unique(), mask.sum()[None].int())


def test_holes_in_a_run(video: Path) -> None:
    plain = run(prompted(video))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor(), "fill_hole_area", 30)
        filled = run(prompted(video))
    assert not torch.equal(plain, filled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor(), "fill_hole_area", 30)
        state = prompted(video)
        run(state)
        logits = state.objects[1].cond[0].logits.read()
    assert torch.equal(fill_holes(logits, 30, 0.0, 0.1), logits)


def test_overlaps() -> None:
    masks = torch.tensor([[[[3.0, -2.0]]], [[[4.0, -30.0]]]])
    expected = torch.tensor([[[[-10.0, -2.0]]], [[[4.0, -30.0]]]])
    assert torch.equal(without_overlaps(masks), expected)
    assert torch.equal(without_overlaps(masks[:1]), masks[:1])


def test_a_video_file(tmp_path: Path, video: Path) -> None:
    path = tmp_path / "clip.mp4"
    pictures = [np.asarray(Image.open(video / f"{i:05d}.jpg")) for i in range(6)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 120, 90, "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    frames, jpeg = (open_frames(p, 128, CPU, ahead=False) for p in (path, video))
    assert (len(frames), frames.height, frames.width) == (6, 90, 120)
    for i in (0, 1, 2, 5, 4, 3):
        assert (frames[i] - jpeg[i]).abs().mean() < 0.05
    state = predictor().init_state(str(path))
    predictor().add_new_points_or_box(state, 0, 1, points=[[30, 40]], labels=[1])
    assert run(state).shape == (6, 1, 1, 90, 120)


def wrong_name(folder: Path) -> tuple[str, type[Exception]]:
    (folder / "00000.jpg").rename(folder / "first.jpg")
    return r"first\.jpg is not a number", ValueError


def mixed_sizes(folder: Path) -> tuple[str, type[Exception]]:
    Image.new("RGB", (50, 40)).save(folder / "00002.jpg")
    return r"00002\.jpg is 50×40 but 00000\.jpg is 120×90", MediaError


def no_image(folder: Path) -> tuple[str, type[Exception]]:
    (folder / "00001.jpg").write_text("hello")
    return r"00001\.jpg is not an image", UnidentifiedImageError


def empty(folder: Path) -> tuple[str, type[Exception]]:
    for path in folder.iterdir():
        path.unlink()
    return r"frames holds no", RuntimeError


def missing(folder: Path) -> tuple[str, type[Exception]]:
    folder.rename(folder.with_name("elsewhere"))
    return r"frames does not exist", NotImplementedError


@pytest.mark.parametrize("spoil", [wrong_name, mixed_sizes, no_image, empty, missing])
def test_folders_that_are_no_video(
    tmp_path: Path, spoil: Callable[[Path], tuple[str, type[Exception]]]
) -> None:
    folder = official.write_video(tmp_path / "frames", 3)
    says, also = spoil(folder)
    with pytest.raises(MediaError, match=says) as raised:
        predictor().init_state(folder)
    assert isinstance(raised.value, also)


def test_a_frame_that_is_cut_off(tmp_path: Path) -> None:
    folder = official.write_video(tmp_path / "frames", 3)
    path = folder / "00002.jpg"
    path.write_bytes(path.read_bytes()[:900])
    state = predictor().init_state(folder)
    predictor().add_new_points_or_box(state, 0, 1, points=[[30, 40]], labels=[1])
    with pytest.raises(MediaError, match=r"00002\.jpg cannot be decoded") as raised:
        run(state)
    assert isinstance(raised.value, OSError)
    official.write_video(folder, 3)  # repaired, the run can go on
    assert len(run(state)) == 3


def test_a_folder_with_gaps_is_taken_in_order(tmp_path: Path) -> None:
    folder = official.write_video(tmp_path / "frames", 6)
    expected = open_frames(folder, 64, CPU, ahead=False)[4]
    (folder / "00003.jpg").unlink()
    (folder / "00004.jpg").rename(folder / "40.JPG")
    frames = open_frames(folder, 64, CPU, ahead=True)
    assert len(frames) == 5
    assert torch.equal(frames[4], expected)


def test_a_run_from_beyond_the_end_is_empty_forward_and_refused_in_reverse(video: Path) -> None:
    state = prompted(video)
    assert list(predictor().propagate_in_video(state, start_frame_idx=99)) == []
    with pytest.raises(IndexError, match="frame 99 does not exist"):
        run(state, start_frame_idx=99, reverse=True)
    with pytest.raises(IndexError, match="frame -1 does not exist"):
        run(state, start_frame_idx=-1)


def test_prompts_that_do_not_fit(video: Path) -> None:
    model, state = predictor(), predictor().init_state(video)
    with pytest.raises(PromptError, match="init_state"):
        model.add_new_points_or_box(None, 0, 1, points=[[1, 1]], labels=[1])  # type: ignore[arg-type]
    for frame in (16, -1):
        with pytest.raises(PromptError, match="choose one of 0 to 15") as raised:
            model.add_new_points_or_box(state, frame, 1, points=[[1, 1]], labels=[1])
        assert isinstance(raised.value, IndexError)
    with pytest.raises(ValueError, match="provided together"):
        model.add_new_points_or_box(state, 0, 1, points=[[1, 1]])
    with pytest.raises(ValueError, match="at least one of points or box"):
        model.add_new_points_or_box(state, 0, 1)
    with pytest.raises(PromptError, match="a label for each") as raised:
        model.add_new_points_or_box(state, 0, 1, points=[[1, 1], [2, 2]], labels=[1])
    assert isinstance(raised.value, RuntimeError)
    with pytest.raises(ValueError, match="cannot add box without clearing old points"):
        model.add_new_points_or_box(state, 0, 1, box=[0, 0, 9, 9], clear_old_points=False)
    with pytest.raises(PromptError, match="height, width") as raised:
        model.add_new_mask(state, 0, 1, np.zeros((1, 90, 120)))
    assert isinstance(raised.value, AssertionError)
    with pytest.raises(RuntimeError, match="please add inputs first"):
        next(model.propagate_in_video(state))
    assert state.obj_ids == []
    model.clear_all_prompts_in_frame(state, 0, 3)
    with pytest.raises(RuntimeError, match="object id 3"):
        next(model.propagate_in_video(state))

"""The video predictor gives what the official one gives, from the same weights, prompt after prompt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import compat_official as official
from splitmask.compat.sam2 import SAM2VideoPredictor
from splitmask.compat.sam2.base import Flags

pytestmark = official.needs_official

FRAMES = 24

# version, seed, and what is added to the presence logit so that objects come and go and nothing is a near tie
Draw = tuple[str, int, float]
DRAW: Draw = ("2.1", 1, -2.51)
POSTPROCESSING = Flags(dynamic_multimask_via_stability=True, binarize_mask_from_pts_for_mem_enc=True)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return official.write_video(tmp_path_factory.mktemp("video") / "frames", FRAMES)


@cache
def models(version: str, seed: int, presence: float) -> tuple[Any, SAM2VideoPredictor]:
    preset = official.SMALL if version == "2.1" else official.SMALL_2_0
    theirs = official.build_video(preset)
    state = official.redraw(theirs, seed, presence)
    theirs.load_state_dict(state)
    return theirs, official.compat(SAM2VideoPredictor(preset, POSTPROCESSING), state)


def pair_of(monkeypatch: pytest.MonkeyPatch, video: Path, draw: Draw = DRAW, **flags: Any) -> official.Pair:
    return official.Pair(monkeypatch, video, models(*draw), **flags)


def assert_objects_come_and_go(pair: official.Pair) -> None:
    assert 0.2 < np.mean(pair.presence) < 0.8
    assert len(pair.presence) > FRAMES


def mask_of(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (90, 120)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("draw", [("2.1", 1, -2.88), ("2.0", 2, 5.96)])
def test_two_objects_forward_and_reverse(draw: Draw, monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video, draw)
    pair.add_new_points_or_box(4, "cat", points=[[30, 40]], labels=[1])
    pair.add_new_points_or_box(4, "cat", points=[[60, 20]], labels=[0], clear_old_points=False)
    pair.add_new_points_or_box(7, 2, box=[20, 10, 80, 70])
    expected, _ = pair.propagate_in_video()
    assert [frame for frame, _, _ in expected] == list(range(4, FRAMES))
    expected, _ = pair.propagate_in_video(reverse=True, start_frame_idx=20)
    assert len(expected) == 21
    assert_objects_come_and_go(pair)


@pytest.mark.parametrize("draw", [DRAW, ("2.0", 0, -11.58)])
def test_corrections_of_tracked_frames(draw: Draw, monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video, draw)
    pair.add_new_points_or_box(0, 1, points=np.array([[30, 40], [50, 50]]), labels=np.array([1, 1]))
    pair.add_new_mask(2, 2, mask_of(30, 20, 90, 66))
    pair.propagate_in_video(max_frame_num_to_track=17)
    pair.add_new_points_or_box(6, 1, points=[[90, 70]], labels=[0])
    pair.add_new_points_or_box(6, 1, points=[[10, 70]], labels=[1], clear_old_points=False)
    pair.add_new_mask(9, 1, mask_of(10, 20, 40, 66))
    pair.add_new_points_or_box(0, 1, points=[[33, 44]], labels=[1])  # where the object began
    pair.propagate_in_video(start_frame_idx=3)
    pair.add_new_points_or_box(22, 2, box=np.array([[3, 4, 99, 88]]), points=[[9, 9]], labels=[0])
    pair.propagate_in_video(start_frame_idx=23, reverse=True)
    pair.add_new_points_or_box(12, 2, points=[[80, 30]], labels=[1])  # tracked in reverse
    pair.propagate_in_video(start_frame_idx=12, max_frame_num_to_track=6, reverse=True)
    assert_objects_come_and_go(pair)


def test_masks_of_other_sizes_and_empty_ones(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video)
    pair.add_new_mask(0, 1, mask_of(20, 20, 90, 100, size=(128, 128)))
    pair.add_new_mask(0, 2, mask_of(2, 2, 9, 8, size=(10, 13)))
    pair.add_new_mask(0, 3, torch.zeros(90, 120, dtype=torch.bool))
    pair.add_new_mask(0, 4, torch.ones(300, 200, dtype=torch.bool))
    pair.propagate_in_video(max_frame_num_to_track=4)


def test_coordinates_that_are_normalised_already(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video)
    points = torch.tensor([[0.3, 0.4], [0.5, 0.9]])
    pair.add_new_points_or_box(1, 1, points, torch.tensor([1, 0]), normalize_coords=False)
    pair.add_new_points(1, 1, points[None], torch.tensor([[1, 0]]), normalize_coords=False)


FLAGS: dict[str, dict[str, Any]] = {
    "stride": {"memory_temporal_stride_for_eval": 3},
    "few prompted frames": {"max_cond_frames_in_attn": 2},
    "few prompted frames and stride": {"max_cond_frames_in_attn": 3, "memory_temporal_stride_for_eval": 2},
    "corrections condition": {"add_all_frames_to_correct_as_cond": True},
    "memories around prompts are cleared": {
        "clear_non_cond_mem_around_input": True,
        "add_all_frames_to_correct_as_cond": True,
    },
    "no overlaps": {"non_overlap_masks": True},
    "not binarised": {"binarize_mask_from_pts_for_mem_enc": False},
    "holes": {"fill_hole_area": 30},
    "few pointers": {"max_obj_ptrs_in_encoder": 4},
    "single mask while tracking": {"multimask_output_for_tracking": False},
    "token 0 points": {"use_multimask_token_for_obj_ptr": False},
    "masks of one to three points": {"multimask_min_pt_num": 1, "multimask_max_pt_num": 3},
}


@pytest.mark.parametrize("case", FLAGS)
def test_flags(case: str, monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video, **FLAGS[case])
    decoder = pair.official.sam_mask_decoder  # the official flag lives there too
    flag = "use_multimask_token_for_obj_ptr"
    monkeypatch.setattr(decoder, flag, getattr(pair.official, flag))
    monkeypatch.setattr(*official.components())
    monkeypatch.setattr(
        type(pair.official), "_clear_obj_non_cond_mem_around_input", clear_around, raising=False
    )
    for frame, obj_id in ((0, 1), (5, 1), (11, 1), (12, 1), (3, 2), (20, 2)):
        pair.add_new_points_or_box(frame, obj_id, points=[[30 + frame, 40]], labels=[1])
    pair.propagate_in_video()
    pair.add_new_points_or_box(14, 2, points=[[50, 40], [20, 40]], labels=[1, 0])
    pair.propagate_in_video(start_frame_idx=16, reverse=True)
    assert len(set(pair.presence)) == 2


def clear_around(self: Any, state: Any, frame: int, obj_idx: int) -> None:
    """What the official 1.1.0 calls and does not have; the predictor's next version does this."""
    reach = self.memory_temporal_stride_for_eval * self.num_maskmem
    for t in range(frame - reach, frame + reach + 1):
        state["output_dict_per_obj"][obj_idx]["non_cond_frame_outputs"].pop(t, None)


def test_every_flag_changes_something(video: Path) -> None:
    """That the comparisons above do not pass because a flag does nothing on either side."""
    ours = models(*DRAW)[1]

    def run(**flags: Any) -> torch.Tensor:
        with pytest.MonkeyPatch.context() as patch:
            for key, value in flags.items():
                patch.setattr(ours, key, value)
            state = ours.init_state(video)
            for frame, obj_id in ((0, 1), (3, 1), (4, 1), (3, 2)):
                ours.add_new_points_or_box(state, frame, obj_id, points=[[30 + frame, 40]], labels=[1])
            runs = list(ours.propagate_in_video(state, max_frame_num_to_track=9))
            ours.add_new_points_or_box(state, 6, 2, points=[[50, 40], [20, 40]], labels=[1, 0])
            runs += ours.propagate_in_video(state, start_frame_idx=7, max_frame_num_to_track=2)
            return torch.cat([masks for _, _, masks in runs])

    plain = run()
    for case, flags in FLAGS.items():
        assert not torch.equal(plain, run(**flags)), case


def test_objects_come_and_go_at_any_time(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    pair = pair_of(monkeypatch, video)
    pair.add_new_points_or_box(0, 1, points=[[30, 40]], labels=[1])
    pair.propagate_in_video(max_frame_num_to_track=9)
    pair.add_new_points_or_box(2, 7, points=[[80, 40]], labels=[1])
    pair.add_new_mask(5, 8, mask_of(30, 20, 90, 66))
    pair.propagate_in_video(max_frame_num_to_track=12)
    pair.clear_all_prompts_in_frame(5, 8)
    pair.add_new_points_or_box(5, 8, points=[[60, 40], [5, 5]], labels=[1, 0])
    pair.add_new_points_or_box(13, 1, points=[[60, 40]], labels=[1])
    pair.clear_all_prompts_in_frame(13, 1)
    pair.propagate_in_video(start_frame_idx=10)
    expected, answer = pair.remove_object(7)
    assert answer[0] == expected[0] == [1, 8]
    for theirs, ours in zip(expected[1], answer[1], strict=True):
        pair.compare((theirs[0], [], theirs[1]), (ours[0], [], ours[1]))
    pair.propagate_in_video(start_frame_idx=4, max_frame_num_to_track=5)
    assert pair.remove_object(3) == (([1, 8], []), ([1, 8], []))
    for model, state in zip((pair.official, pair.ours), pair.states, strict=True):
        with pytest.raises(RuntimeError, match="Cannot remove object id 3"):
            model.remove_object(state, 3, strict=True)
    pair.reset_state()
    pair.add_new_points_or_box(6, 2, points=[[30, 40]], labels=[1])
    pair.propagate_in_video(reverse=True)
    assert pair.remove_object(2) == (([], []), ([], []))

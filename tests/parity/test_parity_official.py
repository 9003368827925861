"""Every size of the SAM 2 family against the official package, at its own 1024 pixels: `make parity`.

The same comparisons run on a small model in `make test` (test_compat_image.py, test_compat_video.py).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import compat_official as official
from splitmask.compat.sam2 import SAM2ImagePredictor, SAM2VideoPredictor
from splitmask.compat.sam2.base import Flags, SAM2Base
from splitmask.presets import PRESETS

pytestmark = [*official.needs_official, pytest.mark.parity, pytest.mark.timeout(3600)]

MODELS = [name for name, preset in PRESETS.items() if preset.checkpoint]
SIZE_OF_VIDEO = 256  # four sizes through 24 frames at 1024 would take hours on a CPU
FLAGS = Flags(dynamic_multimask_via_stability=True, binarize_mask_from_pts_for_mem_enc=True)


@pytest.mark.parametrize("name", MODELS)
def test_image(name: str) -> None:
    theirs = official.build_image(PRESETS[name])
    state = official.redraw(theirs, seed=1)
    for key in state:  # logits of ±10 as trained models have them: those of ±100 are rounded by 1e-4
        if "output_hypernetworks_mlps" in key and ".layers.2." in key:
            state[key] *= 0.2
    theirs.load_state_dict(state)
    ours = official.compat(SAM2Base(PRESETS[name], FLAGS), state)
    from sam2.sam2_image_predictor import SAM2ImagePredictor as Official

    predictors = Official(theirs), SAM2ImagePredictor(ours)
    for predictor in predictors:
        predictor.set_image(official.picture(480, 640))
    embeddings = [predictor.get_image_embedding() for predictor in predictors]
    torch.testing.assert_close(embeddings[1], embeddings[0], rtol=0, atol=1e-4)
    clicks = {"point_coords": np.array([[200, 300], [20, 30]]), "point_labels": np.array([1, 0])}
    logits = 8 * np.random.default_rng(0).standard_normal((1, 256, 256), np.float32)
    boxes = np.array([[100, 120, 500, 400], [20, 30, 300, 200]])
    prompts: list[dict[str, Any]] = [
        clicks,
        {"box": boxes[0], "multimask_output": False},
        {"box": boxes, "multimask_output": False},
        {**clicks, "box": boxes[0], "mask_input": logits},
    ]
    for prompt in prompts:
        expected, answer = (predictor.predict(**prompt, return_logits=True) for predictor in predictors)
        for reference, result in zip(expected[1:], answer[1:], strict=True):
            np.testing.assert_allclose(result, reference, rtol=0, atol=1e-4)
        sure = abs(expected[0]) > 1e-3
        np.testing.assert_array_equal(answer[0][sure] > 0, expected[0][sure] > 0)


def video_models(name: str, image_size: int, video: Path) -> tuple[Any, SAM2VideoPredictor]:
    """The official predictor and ours, with presence shifted so that objects come and go."""
    preset = replace(PRESETS[name], image_size=image_size)
    theirs = official.build_video(preset, (f"++model.image_size={image_size}",))
    state = official.redraw(theirs, seed=1)
    ours = official.compat(SAM2VideoPredictor(preset, FLAGS), state)
    frames = ours.init_state(video)
    ours.add_new_points_or_box(frames, 0, 1, points=[[30, 40]], labels=[1])
    list(ours.propagate_in_video(frames, max_frame_num_to_track=6))
    presence = np.median([output.presence for output in frames.objects[1].non_cond.values()])
    state["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] -= float(presence)
    theirs.load_state_dict(state)
    return theirs, official.compat(ours, state)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("flags", [{}, {"memory_temporal_stride_for_eval": 2, "max_cond_frames_in_attn": 3}])
def test_video(name: str, flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    video = official.write_video(tmp_path / "video", 24)
    pair = official.Pair(monkeypatch, video, video_models(name, SIZE_OF_VIDEO, video), **flags)
    pair.add_new_points_or_box(0, 1, points=[[30, 40], [80, 20]], labels=[1, 0])
    pair.add_new_points_or_box(2, 2, box=[20, 10, 80, 70])
    mask = np.zeros((90, 120), bool)
    mask[20:60, 30:90] = True
    pair.add_new_mask(4, 3, mask)
    pair.propagate_in_video()
    pair.add_new_points_or_box(11, 1, points=[[60, 60]], labels=[0])
    pair.add_new_points_or_box(21, 2, points=[[60, 50]], labels=[1])
    pair.propagate_in_video(start_frame_idx=23, reverse=True)
    assert 0.05 < np.mean(pair.presence) < 0.95


def test_video_at_full_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    video = official.write_video(tmp_path / "video", 20, size=(270, 480))
    pair = official.Pair(monkeypatch, video, video_models("sam2.1-tiny", 1024, video))
    pair.add_new_points_or_box(0, 1, points=[[200, 140]], labels=[1])
    pair.propagate_in_video()

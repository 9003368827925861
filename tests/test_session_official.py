"""A video session gives what the official video predictor gives, from the same weights and prompts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import compat_official as official
from session_helpers import box_prompt, click
from splitmask.engine.preprocess import stretch
from splitmask.engine.torch import TorchEngine
from splitmask.masks.resize import upsample_logits
from splitmask.model import Sam2
from splitmask.presets import IMAGENET_MEAN, IMAGENET_STD
from splitmask.session import FrameResult, ImageSession, ImageStack, VideoSession
from splitmask.session.prompts import merge_prompts
from splitmask.types import Mask, Prompt

pytestmark = official.needs_official

SIZE = (90, 120)
FRAMES = [np.roll(official.picture(*SIZE), (2 * t, 3 * t), (0, 1)) for t in range(14)]
Masks = dict[int, dict[int, np.ndarray]]  # frame → object → (H, W) logits
Runs = tuple[Masks, dict[int, FrameResult]]


class Float32Torch:
    """torch, but for the half precision that the official code keeps memories in."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@cache
def models(extra: tuple[str, ...], seed: int) -> tuple[Any, TorchEngine]:
    """The official predictor and our engine, with the same redrawn weights."""
    theirs, ours = official.build_video(official.SMALL, extra), Sam2(official.SMALL)
    state = official.redraw(theirs, seed)
    theirs.load_state_dict(state)
    ours.load_state_dict(state)
    return theirs, TorchEngine(ours, "cpu")


class Pair:
    """The official predictor and a session, told the same."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, seed: int = 0, max_prompted: int = -1, stride: int = 1
    ) -> None:
        import sam2.sam2_video_predictor as module

        side = official.SMALL.image_size
        images = np.stack([stretch(image, side) for image in FRAMES]).astype(np.float32) / 255
        images = ((images - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32).transpose(0, 3, 1, 2)
        monkeypatch.setattr(module, "torch", Float32Torch())
        monkeypatch.setattr(module, "load_video_frames", lambda **_: (torch.from_numpy(images), *SIZE))
        settings = {
            "add_all_frames_to_correct_as_cond": "true",  # ours makes a corrected frame a prompted one
            "max_cond_frames_in_attn": max_prompted,
            "memory_temporal_stride_for_eval": stride,
        }
        extra = tuple(f"++model.{key}={value}" for key, value in settings.items())
        self.official, engine = models(extra, seed)
        self.state = self.official.init_state("unused")
        self.session = VideoSession(engine, ImageStack(FRAMES), max_prompted=max_prompted, stride=stride)

    def prompt(self, object_id: int, frame: int, prompt: Prompt, **how: bool) -> None:
        """Prompts both, and compares the masks that they answer with."""
        mask = self.session.add_prompt(object_id, frame, prompt, **how)
        if prompt.mask is not None:
            _, ids, masks = self.official.add_new_mask(self.state, frame, object_id, prompt.mask)
        else:
            clear = how.get("clear_old", True)
            _, ids, masks = self.official.add_new_points_or_box(
                self.state, frame, object_id, prompt.points, prompt.labels, clear, box=prompt.box
            )
        compare(masks[ids.index(object_id), 0].numpy(), mask)

    def run(self, start: int, reverse: bool = False) -> Runs:
        """Runs both from a frame to the clip's end; as the official one, over fresh results, too."""
        theirs = {
            frame: {i: mask[0].numpy() for i, mask in zip(ids, masks, strict=True)}
            for frame, ids, masks in self.official.propagate_in_video(self.state, start, reverse=reverse)
        }
        ours = self.session.propagate(start, reverse=reverse, redo=True, lead_in=True)
        return theirs, {result.index: result for result in ours}


def compare(theirs: np.ndarray, ours: Mask) -> None:
    """Logits of ±50 within 2e-3: what half precision, in which results are kept, leaves of a correction."""
    logits = upsample_logits(ours.logits, ours.size)
    np.testing.assert_allclose(logits, theirs, rtol=1e-5, atol=2e-3)


def compare_runs(
    runs: tuple[Masks, dict[int, FrameResult]], frames: Iterable[int], atol: float = 2e-3
) -> list[float]:
    """Presence of each mask that was compared."""
    theirs, ours = runs
    presence = []
    for frame in frames:
        assert list(ours[frame].masks) == list(theirs[frame])
        for object_id, mask in ours[frame].masks.items():
            compare(theirs[frame][object_id], mask)
            presence.append(mask.presence)
    return presence


def rectangle(x0: int, y0: int, x1: int, y1: int) -> Prompt:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return Prompt(mask=mask)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Pair:
    return Pair(monkeypatch)


def test_one_click_forward(pair: Pair) -> None:
    pair.prompt(1, 0, click(40, 30))
    compare_runs(pair.run(0), range(14))


def test_presence_of_either_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(monkeypatch, seed=7)
    pair.prompt(1, 0, click(40, 30))
    pair.prompt(2, 0, rectangle(60, 20, 110, 70))
    presence = compare_runs(pair.run(0), range(14))
    assert min(presence) < 0 < max(presence)


def test_box_and_clicks_both_ways_from_the_middle(pair: Pair) -> None:
    pair.prompt(1, 6, box_prompt((10, 12, 70, 66)))
    pair.prompt(1, 6, click(30, 40, label=0), clear_old=False)
    pair.prompt(1, 6, click(35, 20), clear_old=False)
    compare_runs(pair.run(6), range(6, 14))
    compare_runs(pair.run(6, reverse=True), range(6, -1, -1))


def test_a_mask_and_clicks_of_several_objects(pair: Pair) -> None:
    pair.prompt(1, 0, rectangle(20, 15, 80, 60))
    pair.prompt(2, 0, merge_prompts(click(90, 70), click(20, 20, label=0)))
    pair.prompt(5, 4, click(60, 45))
    compare_runs(pair.run(0), range(14))


def test_several_prompted_frames(pair: Pair) -> None:
    for frame in (0, 4, 9, 12):
        pair.prompt(1, frame, click(40 + 3 * frame, 30))
    compare_runs(pair.run(0), range(14))


def test_a_correction_and_what_follows(pair: Pair) -> None:
    pair.prompt(1, 0, click(40, 30))
    pair.prompt(2, 0, rectangle(20, 15, 80, 60))
    compare_runs(pair.run(0), range(14))
    pair.prompt(1, 7, click(70, 50))
    pair.prompt(1, 7, click(20, 20, label=0), clear_old=False)
    pair.prompt(2, 9, rectangle(30, 30, 90, 80))
    compare_runs(pair.run(0), range(14))


def test_a_correction_in_a_run_in_reverse(pair: Pair) -> None:
    pair.prompt(1, 13, click(40, 30))
    compare_runs(pair.run(13, reverse=True), range(13, -1, -1))
    pair.prompt(1, 6, click(70, 50))
    compare_runs(pair.run(13, reverse=True), range(13, -1, -1))


def test_closest_prompted_frames_and_a_stride(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(monkeypatch, max_prompted=2, stride=3)
    for frame in (0, 3, 8, 9):
        pair.prompt(1, frame, click(40 + 3 * frame, 30))
    compare_runs(pair.run(0), range(14))


IMAGE_PROMPTS = {
    "click": click(40, 30),
    "clicks": merge_prompts(click(40, 30), click(90, 70, label=0)),
    "box": box_prompt((10, 12, 70, 66)),
    "box and click": merge_prompts(box_prompt((10, 12, 70, 66)), click(30, 40, label=0)),
}


@pytest.mark.parametrize("name", IMAGE_PROMPTS)
def test_an_image(name: str) -> None:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    model, ours = models((), 0)
    reference = SAM2ImagePredictor(model)
    reference._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]  # the official code fixes those of 1024
    side = official.SMALL.image_size
    image = official.picture(side, side)  # no resizing: it is compared elsewhere
    reference.set_image(image)
    session = ImageSession(ours)
    session.set_image(image)
    prompt, fed = IMAGE_PROMPTS[name], None
    said = {"point_coords": prompt.points, "point_labels": prompt.labels} if len(prompt.points) else {}
    for multimask in (True, False):
        theirs = reference.predict(**said, box=prompt.box, mask_input=fed, multimask_output=multimask)
        masks = session.predict(prompt, multimask=multimask, refine=None if fed is None else fed[0])
        assert len(masks) == len(theirs[1]) == (3 if multimask else 1)
        for mask, score, logits in zip(masks, *theirs[1:], strict=True):
            assert mask.score == pytest.approx(score, abs=1e-4)
            np.testing.assert_allclose(np.clip(mask.logits, -32, 32), logits, atol=1e-3)
        fed = theirs[2][:1]

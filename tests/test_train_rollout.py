"""A training step does what a session does, and what a session uses is trained."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from onnx_helpers import redrawn
from splitmask.engine.torch import TorchEngine
from splitmask.model import Sam2
from splitmask.presets import TEST_CONV, TEST_HIERA, Preset
from splitmask.session import ImageStack, VideoSession
from splitmask.train.rollout import Outcome, Plan, Rollout, Verbs
from splitmask.train.sampler import SceneSampler
from splitmask.train.scenes import SceneParams, draw
from splitmask.train.targets import Objects, choose
from splitmask.types import Prompt
from train_helpers import drawn

pytestmark = pytest.mark.usefixtures("one_thread")

FRAMES = 5
# not read by any verb: it is there because official checkpoints have it
UNUSED = {"no_mem_pos_enc"}


def scene(preset: Preset, frames: int, seed: int = 0) -> tuple[Tensor, Objects]:
    """Two scenes with two objects each."""
    torch.manual_seed(seed)
    params = SceneParams(frames=frames, pastes=1, full_frame_chance=1.0)
    layers = SceneSampler(drawn(4), np.ones(4), params, np.random.default_rng(seed)).sample(2)
    images, labels = draw(drawn(4), layers, preset.image_size)
    return images, choose(labels, 2, 4)


def rolled(model: Sam2, plan: Plan, frames: int, seed: int = 0) -> Outcome:
    images, objects = scene(model.preset, frames, seed)
    return Rollout(model, Verbs.of(model, "none"))(images, objects, plan)


@pytest.mark.parametrize(
    "plan",
    [
        *(Plan(start, rounds) for start, rounds in product(("point", "box"), (1, 3))),  # type: ignore[arg-type]
        Plan("point", 2, keep_mask=False),
    ],
)
def test_on_an_image(plan: Plan) -> None:
    model = redrawn(TEST_CONV).requires_grad_(True).train()
    outcome = rolled(model, plan, frames=1)
    assert list(outcome.scores) == [f"{plan.start}{r + 1}" for r in range(plan.rounds)]
    assert bool(outcome.loss.isfinite())
    assert [x.shape for x in outcome.logits] == [(4, 1, 16, 16)]
    outcome.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("start", ["point", "box", "mask"])
@pytest.mark.parametrize("correct", [(), (2,), (1, 3)])
def test_on_a_clip(start: str, correct: tuple[int, ...]) -> None:
    model = redrawn(TEST_CONV).requires_grad_(True).train()
    outcome = rolled(model, Plan(start, 1, correct), frames=4)  # type: ignore[arg-type]
    assert {"track1", "track2", "track3"} <= set(outcome.scores)
    assert ("corrected" in outcome.scores) == bool(correct)
    assert len(outcome.logits) == 4
    assert bool(outcome.loss.isfinite())
    assert outcome.loss.requires_grad
    assert not any(score.requires_grad for score in outcome.scores.values())


@pytest.mark.parametrize("preset", [TEST_CONV, TEST_HIERA], ids=lambda p: p.name)
def test_whatever_inference_reads_is_trained(preset: Preset) -> None:
    model = redrawn(preset).requires_grad_(True).train()
    plans = [Plan("point", 3), Plan("box", 3, (1,)), Plan("mask", 1, (2,))]
    for seed, plan in enumerate(plans * 6):  # of three masks the best one learns
        rolled(model, plan, 3, seed).loss.backward()
    # what stands for an object out of view
    torch.nn.init.constant_(model.get_parameter("sam_mask_decoder.pred_obj_score_head.layers.2.bias"), -100.0)
    rolled(model, Plan("point"), 3).loss.backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name, _ in model.named_parameters()} - reached == UNUSED


def test_a_mask_is_its_own_output() -> None:
    model = redrawn(TEST_CONV)
    images, objects = scene(TEST_CONV, 2)
    outcome = Rollout(model, Verbs.of(model, "none"))(images, objects, Plan("mask"))
    assert torch.equal(outcome.logits[0], (objects.masks[:, 0] > 0.5) * 20.0 - 10.0)


# The same frames, the same clicks, through a session of the torch engine.

POINT, LATER = (22.0, 30.0), (40.0, 18.0)


def at(point: tuple[float, float]) -> Prompt:
    return Prompt(np.array([point], np.float32), np.array([1]))


def clip(frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """(t, 64, 64, 3) uint8 noise, and a mask (64, 64) whose edges are those of cells."""
    rng = np.random.default_rng(4)
    mask = np.zeros((64, 64), bool)
    mask[16:40, 12:36] = True
    return rng.integers(0, 256, (frames, 64, 64, 3), dtype=np.uint8), mask


def trained(model: Sam2, plan: Plan, points: list[tuple[float, float]]) -> list[np.ndarray]:
    """Logits of every frame as training sees them."""
    frames, mask = clip()
    waiting = iter(points)

    def click(target: Tensor, predicted: Tensor, random: float = 0.0) -> tuple[Tensor, Tensor]:
        return torch.tensor([next(waiting)]), torch.ones(1)

    preset = model.preset
    mean, std = (torch.tensor(x).reshape(3, 1, 1) for x in (preset.mean, preset.std))
    images = (torch.from_numpy(frames).permute(0, 3, 1, 2)[None] / 255 - mean) / std
    cells = torch.from_numpy(mask[::4, ::4].copy()).float().expand(1, FRAMES, 1, 16, 16)
    objects = Objects(cells, torch.ones(1), torch.zeros(1, dtype=torch.int64))
    verbs = Verbs.of(model, "none")
    verbs.click = click
    with torch.no_grad():
        outcome = Rollout(model, verbs, divisor=FRAMES - 1)(images, objects, plan)
    return [x[0, 0].numpy() for x in outcome.logits]


def tracked(model: Sam2, first: Prompt, corrections: dict[int, Prompt]) -> list[np.ndarray]:
    """The same from a session: prompt, run, correct, run again."""
    frames, _ = clip()
    with VideoSession(TorchEngine(model, "cpu"), ImageStack(list(frames))) as session:
        session.add_prompt(1, 0, first)
        logits = {r.index: r.masks[1].logits for r in session.propagate()}
        for frame, prompt in corrections.items():
            session.add_prompt(1, frame, prompt)
            logits |= {r.index: r.masks[1].logits for r in session.propagate(frame)}
    return [logits[t] for t in range(FRAMES)]


@pytest.mark.parametrize("start", ["mask", "point"])
@pytest.mark.parametrize("corrected", [(), (2,), (1, 3)])
def test_training_sees_what_a_session_does(start: str, corrected: tuple[int, ...]) -> None:
    model = redrawn(TEST_CONV, seed=2)
    clicks = ([POINT] if start == "point" else []) + [LATER] * len(corrected)
    ours = trained(model, Plan(start, 1, corrected), clicks)  # type: ignore[arg-type]
    first = Prompt(mask=clip()[1]) if start == "mask" else at(POINT)
    theirs = tracked(model, first, {frame: at(LATER) for frame in corrected})
    assert any((logits > -1000).all() for logits in theirs[1:]), "the object is in view somewhere"
    if start == "mask":  # a session shows the mask with the soft edges of a smaller picture
        assert np.array_equal(ours[0] > 0, theirs[0] > 0)
    for t in range(1 if start == "mask" else 0, FRAMES):
        np.testing.assert_allclose(ours[t], theirs[t], rtol=1e-3, atol=1e-3, err_msg=f"frame {t}")

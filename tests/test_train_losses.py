"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from splitmask.train.losses import decode_loss, dice, enlarged, focal, iou, rim

SURE = 1000.0  # a logit whose sigmoid is 1


def maps(*rows: list[float]) -> Tensor:
    """Each row a 2×2 map → (1, m, 2, 2)."""
    return torch.tensor(rows).reshape(1, -1, 2, 2)


def test_focal() -> None:
    target = maps([1.0, 1.0, 0.0, 0.0])
    assert focal(maps([0.0] * 4), target).item() == pytest.approx(0.5 * 0.25 * math.log(2))
    # p = 0.8 everywhere: half the cells agree by 0.8, half by 0.2
    logits = maps([math.log(4)] * 4)
    expected = 0.5 * (0.5 * 0.2**2 * -math.log(0.8) + 0.5 * 0.8**2 * -math.log(0.2))
    assert focal(logits, target).item() == pytest.approx(expected, rel=1e-5)
    assert focal(maps([SURE, SURE, -SURE, -SURE]), target).item() == 0


def test_focal_of_a_cell_that_is_half_covered_is_least_at_the_middle() -> None:
    target = maps([0.5] * 4)
    losses = [focal(maps([x] * 4), target).item() for x in (-1.0, 0.0, 1.0)]
    assert losses[1] < losses[0] == pytest.approx(losses[2])


def test_dice() -> None:
    target = maps([1.0, 1.0, 0.0, 0.0])
    logits = maps([SURE, SURE, -SURE, -SURE], [SURE] * 4, [-SURE] * 4, [0.0] * 4)
    expected = [1 - 5 / 5, 1 - 5 / 7, 1 - 1 / 3, 1 - 3 / 5]
    assert dice(logits, target)[0].tolist() == pytest.approx(expected)


def test_iou() -> None:
    target = maps([1.0, 1.0, 0.6, 0.4])
    logits = maps([1.0, 1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0], [-1.0] * 4)
    assert iou(logits, target)[0].tolist() == pytest.approx([1, 1 / 4, 0])
    assert iou(maps([-1.0] * 4), maps([0.0] * 4)).item() == 0


RIGHT, HALF, ALL = [SURE, SURE, -SURE, -SURE], [SURE, -SURE, -SURE, -SURE], [SURE] * 4
TARGET = maps([1.0, 1.0, 0.0, 0.0])
# mask losses: a sure mistake is a cross-entropy of 1000, so 20 × 0.5 × 1000 for each quarter that is wrong
WRONG_CELL = 20 * 0.5 * SURE / 4
LOSS = {"right": 0.0, "half": WRONG_CELL + 1 - 3 / 4, "all": 2 * WRONG_CELL + 1 - 5 / 7}


def loss(masks: Tensor, ious: list[float], presence: float, first: bool, target: Tensor = TARGET) -> Tensor:
    scores, present = torch.tensor([ious]), torch.tensor([[presence]])
    return torch.stack(decode_loss(masks, scores, present, target, torch.ones(1), first))


def test_at_an_ambiguous_prompt_the_best_of_three_leads() -> None:
    masks = maps(ALL, HALF, RIGHT, ALL)
    total, shown = loss(masks, [0.5, 0.5, 1.0, 0.5], SURE, first=True)
    assert total.item() == pytest.approx(LOSS["right"] + 0.3 * LOSS["all"], rel=1e-5)
    assert shown.item() == 1.0, "the candidate with the best predicted IoU is shown"
    _, shown = loss(masks, [0.5, 0.9, 0.8, 0.5], SURE, first=True)
    assert shown.item() == 0.5


def test_after_more_prompts_the_single_mask_leads() -> None:
    masks = maps(HALF, ALL, RIGHT, ALL)
    total, shown = loss(masks, [0.5, 0.5, 1.0, 0.5], SURE, first=False)
    assert total.item() == pytest.approx(LOSS["half"] + 0.3 * LOSS["right"], rel=1e-5)
    assert shown.item() == 0.5


def test_predicted_quality_is_held_to_the_real_one() -> None:
    masks = maps(RIGHT, RIGHT, RIGHT, RIGHT)
    total, _ = loss(masks, [1.0, 0.8, 0.6, 1.0], SURE, first=True)
    assert total.item() == pytest.approx(4 * (0.2**2 + 0.4**2) / 4, rel=1e-4)


def test_presence() -> None:
    masks = maps(RIGHT, RIGHT, RIGHT, RIGHT)
    total, _ = loss(masks, [1.0] * 4, math.log(4), first=True)
    assert total.item() == pytest.approx(-math.log(0.8), rel=1e-5)
    # out of view: only presence counts, whatever the masks are
    total, shown = loss(masks, [0.3] * 4, math.log(4), first=True, target=torch.zeros_like(TARGET))
    assert total.item() == pytest.approx(-math.log(0.2), rel=1e-5)
    assert shown.item() == 0


def test_scenes_with_nothing_to_choose_do_not_count() -> None:
    masks = torch.cat((maps(RIGHT, RIGHT, RIGHT, RIGHT), maps(ALL, ALL, ALL, ALL)))
    target = torch.cat((TARGET, TARGET))
    valid = torch.tensor([1.0, 0.0])
    total, shown = decode_loss(masks, torch.ones(2, 4), torch.full((2, 1), SURE), target, valid, True)
    assert (total.item(), shown.item()) == (0.0, 1.0)
    total, shown = decode_loss(masks, torch.ones(2, 4), torch.zeros(2, 1), target, torch.zeros(2), True)
    assert (total.item(), shown.item()) == (0.0, 0.0)


def test_a_mask_on_a_finer_grid_has_its_edge_where_a_session_puts_it() -> None:
    """An edge between two cells: on the grid of the mask it is at most half right, on a finer one exact."""
    line = 3.25 - torch.arange(8)  # zero at a quarter of a cell after the middle of the fourth
    masks = line.expand(1, 4, 8, 8)
    target = (torch.arange(32) < 15).float().expand(1, 1, 32, 32)
    assert torch.equal(enlarged(masks, target) > 0, target.expand(1, 4, 32, 32) > 0)
    assert enlarged(masks, masks[:, :1]) is masks


def test_gradients_reach_only_what_is_trained() -> None:
    masks = torch.randn(2, 4, 8, 8, requires_grad=True)
    target = (torch.rand(2, 1, 8, 8) > 0.5).float()
    total, shown = decode_loss(masks, torch.rand(2, 4), torch.zeros(2, 1), target, torch.ones(2), True)
    total.backward()
    assert not shown.requires_grad
    assert masks.grad is not None
    reached = masks.grad.abs().flatten(2).sum(2) > 0
    assert reached[:, 0].all()
    assert reached[:, 1:].sum(1).tolist() == [1, 1], "one candidate each"


def test_the_rim_is_where_both_are_within_two_cells() -> None:
    target = torch.zeros(1, 1, 1, 12)
    target[..., 5:] = 1
    assert rim(target).flatten().tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert rim(torch.zeros(1, 1, 6, 6)).sum() == rim(torch.ones(1, 1, 6, 6)).sum() == 0


def test_cells_of_the_rim_count_more() -> None:
    target = torch.zeros(1, 1, 16, 16)
    target[..., 8:] = 1
    logits = torch.zeros(1, 1, 16, 16)
    plain, weighed = focal(logits, target), focal(logits, target, rim_weight=3.0)
    assert weighed.item() == pytest.approx(plain.item() * (1 + 3 * 4 / 16))

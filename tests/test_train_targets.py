"""Which objects are trained on, and the clicks and boxes that a person would give."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splitmask.train.targets import boxes, choose, click, depth

M = 32


def disc(x: float, y: float, r: float, m: int = M) -> Tensor:
    """(1, 1, m, m), 1 inside."""
    line = torch.arange(m) + 0.5
    return ((line[None] - x) ** 2 + (line[:, None] - y) ** 2 < r * r).float()[None, None]


def cell_of(point: Tensor) -> tuple[int, int]:
    """(2,) in the coordinates of the graphs → column and row of the 4×4 cell it is in."""
    x, y = ((point + 0.5) / 4).floor().long().tolist()
    return x, y


def test_objects_are_those_seen_on_the_first_frame() -> None:
    labels = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    labels[0, :, 8:40, 8:40] = 5
    labels[0, 1:, 44:60, 44:60] = 7  # appears later
    labels[0, 0, 0:8, 56:64] = 9  # 4 cells
    torch.manual_seed(0)
    chosen = choose(labels, count=6, least=16)
    assert chosen.masks.shape == (12, 3, 1, 16, 16)
    assert chosen.scene.tolist() == [0] * 6 + [1] * 6
    assert chosen.valid.tolist() == [1.0] * 6 + [0.0] * 6, "nothing is seen in the second scene"
    expected = torch.zeros(16, 16)
    expected[2:10, 2:10] = 1
    assert (chosen.masks[:6] == expected).all()
    assert {tuple(m.flatten(1).sum(1).long().tolist()) for m in choose(labels, 40, 4).masks[:40, 0]} == {
        (64,),
        (4,),
    }


def test_cells_say_how_much_of_them_is_covered() -> None:
    labels = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    labels[0, 0, :, :34] = 1
    mask = choose(labels, 1, 16).masks[0, 0, 0]
    assert mask[0].tolist() == [1.0] * 8 + [0.5] + [0.0] * 7


def test_smaller_cells_are_those_that_losses_compare() -> None:
    labels = torch.zeros(1, 2, 64, 64, dtype=torch.uint8)
    labels[0, :, :, :34] = 1
    assert choose(labels, 1, 16).fine is None
    objects = choose(labels, 1, 16, fine=2)
    assert objects.masks[0, 0, 0, 0].tolist() == [1.0] * 8 + [0.5] + [0.0] * 7
    assert objects.wanted(1).shape == (1, 1, 32, 32)
    assert objects.wanted(1)[0, 0, 0].tolist() == [1.0] * 17 + [0.0] * 15


def test_small_objects_are_drawn_nearly_as_often_as_large_ones() -> None:
    labels = torch.zeros(1, 1, 256, 256, dtype=torch.uint8)
    labels[0, 0, :, :200], labels[0, 0, 100:132, 220:252] = 1, 2  # fifty times smaller
    torch.manual_seed(0)
    small = choose(labels, 400, 16).masks[:, 0, 0, 26, 56].mean()
    assert 0.15 < float(small) < 0.35


def test_depth_is_greatest_in_the_middle_and_zero_outside() -> None:
    mask = disc(14, 18, 9)
    deep = depth(mask)
    assert not deep[mask == 0].any()
    y, x = divmod(int(deep.flatten().argmax()), M)
    assert (x + 0.5 - 14) ** 2 + (y + 0.5 - 18) ** 2 < 9


@pytest.mark.parametrize("random", [0.0, 1.0])
def test_a_click_lies_in_the_larger_error_and_says_which_it_is(random: float) -> None:
    torch.manual_seed(0)
    target = torch.cat([disc(16, 16, 9)] * 40)
    missing = torch.cat([disc(12, 16, 6)] * 20)  # wrongly left out; of the other twenty too much is in
    extra = torch.cat([(disc(25, 25, 6) * (1 - disc(16, 16, 9)))] * 20)
    predicted = torch.cat((target[:20] - missing * target[:20], target[20:] + extra))
    points, labels = click(target, predicted, random)
    assert labels.tolist() == [1.0] * 20 + [0.0] * 20
    errors = torch.cat((missing * target[:20], extra))
    for i in range(40):
        x, y = cell_of(points[i])
        assert errors[i, 0, y, x] == 1
    if random:
        assert len({cell_of(p) for p in points[:20]}) > 10
    else:
        away = (points[:20] + 0.5) / 4 - torch.tensor([12.0, 16.0])
        assert away.norm(dim=1).max() < 3.5


def test_where_nothing_is_wrong_the_click_is_in_the_object() -> None:
    torch.manual_seed(0)
    target = torch.cat([disc(20, 10, 7)] * 30)
    points, labels = click(target, target.clone())
    assert labels.tolist() == [1.0] * 30
    for point in points:
        x, y = cell_of(point)
        assert target[0, 0, y, x] == 1


def test_the_first_click_is_on_the_object() -> None:
    torch.manual_seed(0)
    target = torch.cat((disc(20, 10, 7), disc(5, 25, 4), disc(16, 16, 15)))
    points, labels = click(target, torch.zeros_like(target))
    assert labels.tolist() == [1.0] * 3
    for i in range(3):
        x, y = cell_of(points[i])
        assert target[i, 0, y, x] == 1


def test_a_box_is_drawn_around_the_object() -> None:
    target = torch.cat((disc(20, 10, 6), disc(5, 25, 4)))
    corners, labels = boxes(target, jitter=0.0)
    assert labels.tolist() == [[2.0, 3.0]] * 2
    for i in range(2):
        rows, columns = target[i, 0].any(1).nonzero(), target[i, 0].any(0).nonzero()
        first, last = torch.cat((columns[0], rows[0])), torch.cat((columns[-1], rows[-1])) + 1
        assert corners[i].tolist() == [(first * 4 - 0.5).tolist(), (last * 4 - 0.5).tolist()]


def test_boxes_are_drawn_loosely_but_within_the_frame() -> None:
    torch.manual_seed(0)
    target = torch.cat([disc(28, 16, 8)] * 200)
    exact, loose = boxes(target, jitter=0.0)[0], boxes(target)[0]
    assert -0.5 <= float(loose.min()) <= float(loose.max()) <= M * 4 - 0.5
    size = exact[:, 1] - exact[:, 0]
    off = ((loose - exact) / size[:, None]).abs()
    assert float(off.max()) <= 0.12 + 1e-6
    assert 0.02 < float(off.mean()) < 0.06

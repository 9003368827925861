"""A replay does what was recorded: the same numbers, the same gradients, on what it is given now."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from splitmask.train.replay import Recorder
from splitmask.train.scenes import Layers

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="records on a GPU")


def layers(seed: int) -> Layers:
    colour = torch.randn(4, 2, 5, generator=torch.Generator().manual_seed(seed)).cuda()
    numbers, poses = torch.zeros(4, 1, 2, dtype=torch.int64).cuda(), torch.zeros(4, 1, 2, 2, 3).cuda()
    return Layers(numbers, numbers, numbers[:, 0], poses, poses, colour)


def test_a_replay_adds_the_gradients_that_backward_would() -> None:
    torch.manual_seed(0)
    model, unused = nn.Linear(5, 3).cuda(), nn.Linear(5, 3).cuda()
    parameters = [*model.parameters(), *unused.parameters()]

    def work(given: Layers) -> dict[str, Tensor]:
        loss = model(given.colour).square().mean()
        loss.backward()
        return {"loss": loss.detach(), "double": 2 * loss.detach()}

    recorder = Recorder(parameters)
    for seeds in ((1,), (2, 3)):
        recorder.clear_gradients()
        told = [recorder("step", work, layers(seed)) for seed in seeds]
        replayed = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        assert all(parameter.grad is None for parameter in unused.parameters())
        for parameter in parameters:
            parameter.grad = None
        plain = [work(layers(seed)) for seed in seeds]
        for one, other in zip(told, plain, strict=True):
            torch.testing.assert_close(one, other)
        expected = [parameter.grad for parameter in model.parameters()]
        torch.testing.assert_close(replayed, expected)

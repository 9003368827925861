"""The training step: rates, averages, exact resume, several processes."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export_helpers import full_disk, names
from splitmask.errors import ModelError, OutputError
from splitmask.train.checkpoint import read_checkpoint, write_checkpoint
from splitmask.train.ranks import Ranks
from splitmask.train.recipe import Phase
from splitmask.train.rollout import Plan
from splitmask.train.scenes import SceneParams
from splitmask.train.trainer import Average, Trainer, sample_weights
from train_helpers import CLIP_PHASE, drawn, recipe

# One way of adding up, so that runs can be compared bit by bit.
pytestmark = pytest.mark.usefixtures("one_thread")
IMAGE_PHASE = Phase("image", 1.0, batch=2, objects=2, scene=SceneParams(pastes=1), rounds=(1, 2))


def trainer(out: Path, ranks: Ranks | None = None, **changes: object) -> Trainer:
    return Trainer(recipe((IMAGE_PHASE, CLIP_PHASE), **changes), drawn(6, clips=True), out, ranks=ranks)


def weights(run: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in run.model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_the_average_follows_the_weights() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = Average(model, decay=0.9)
    nn.init.constant_(model.weight, 1.0)
    expected = 0.0
    for step in range(1, 200):
        average.update(model)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay)
        assert average.state["weight"].item() == pytest.approx(expected, rel=1e-5)
        if step == 1:
            assert expected == pytest.approx(1 - 2 / 11)
    assert expected == pytest.approx(1.0, abs=1e-6)


def test_kinds_are_drawn_by_their_weights() -> None:
    corpus = drawn(8)
    corpus.names[:] = [f"a_{i}" for i in range(6)] + ["b_0", "b_1"]
    shares = sample_weights(corpus, {"a": 0.25, "b": 0.75})
    assert shares.tolist() == pytest.approx([0.25 / 6] * 6 + [0.75 / 2] * 2)
    assert sample_weights(corpus, {}).tolist() == pytest.approx([1 / 8] * 8)
    corpus.sizes[3] = 1  # could not be read
    assert sample_weights(corpus, {})[3] == 0


def test_the_rate_rises_then_falls(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=100, warmup=10, lr=1e-2, final_lr=1e-4, layer_decay=0.5)
    rates = []
    for step in range(101):
        run.steps = step
        run._set_rate()
        rates.append(run.optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(1e-3, rel=0.01)
    assert int(np.argmax(rates)) == 9
    assert rates[50] == pytest.approx((1e-2 + 1e-4) / 2, rel=1e-6)
    assert rates[100] == pytest.approx(1e-4)
    slowest = run.optimizer.param_groups[-1]["lr"]
    assert slowest == pytest.approx(1e-4 * min(run._scales))


def test_a_schedule_by_steps_or_by_the_clock(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=8)
    run.steps = 2
    assert run.progress == 0.25
    run = trainer(tmp_path, steps=8, minutes=2.0)
    run.steps, run.spent = 100, 30.0
    assert run.progress == 0.25
    run.spent = 500.0
    assert run.progress == 1.0


def test_the_clock_counts_training_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("splitmask.train.trainer.time.perf_counter", lambda: now)
    run = trainer(tmp_path)

    def micro_step(which: int, plan: Plan) -> None:
        nonlocal now
        now += 3.0

    monkeypatch.setattr(run, "_micro_step", micro_step)
    monkeypatch.setattr(run.optimizer, "step", lambda: None)
    run.step()
    now += 1.0  # a line is said: what it waits for is the device's work
    run.step()
    run.pause()
    now += 50.0  # a checkpoint is written
    run.step()
    assert run.spent == 3 + 1 + 3 + 3


def test_a_resumed_run_is_the_run_that_was_not_killed(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "a")
    for _ in range(4):
        whole.step()
    first = trainer(tmp_path / "b")
    for _ in range(2):
        first.step()
    first.save()
    for _ in range(3):
        first.step()  # what is done after the last save is lost with the process
    second = trainer(tmp_path / "b", seed=0)
    assert second.load_state(read_checkpoint(tmp_path / "b" / "last.pt")) == []
    for _ in range(2):
        second.step()
    assert second.steps == whole.steps
    assert second.images == whole.images
    assert same(weights(whole), weights(second))
    assert same(whole.average.state, second.average.state)
    assert not same(weights(whole), weights(first))


def test_warming_up_leaves_no_trace(tmp_path: Path) -> None:
    cold = trainer(tmp_path)
    cold.step()
    warm = trainer(tmp_path)
    warm.warm_up()
    assert warm.images == warm.steps == warm.spent == 0
    warm.step()
    assert same(weights(cold), weights(warm))


def test_accumulated_gradients_are_a_mean(tmp_path: Path) -> None:
    def gradients(run: Trainer, steps: int) -> list[dict[str, Tensor]]:
        found = []
        for _ in range(steps):
            run._micro_step(0, Plan("point", 2))
            found.append({k: p.grad.clone() for k, p in run.model.named_parameters() if p.grad is not None})
        return found

    separate = trainer(tmp_path)
    one = gradients(separate, 1)[0]
    separate.optimizer.zero_grad()
    two = gradients(separate, 1)[0]
    both = gradients(trainer(tmp_path, accumulate=2), 2)[1]
    for key, value in both.items():
        torch.testing.assert_close(value, (one[key] + two[key]) / 2, rtol=1e-3, atol=1e-6)


def test_frozen_parts_and_kept_statistics_stay_as_they_are(tmp_path: Path) -> None:
    frozen = ("image_encoder.trunk", "no_mem_embed")
    run = trainer(tmp_path, freeze=frozen, freeze_norm=True)
    before = weights(run)
    for _ in range(2):
        run.step()
    after = weights(run)
    for key in before:
        moved = not torch.equal(before[key], after[key])
        assert not (moved and key.startswith(frozen)), key
    assert not torch.equal(
        before["sam_mask_decoder.iou_token.weight"], after["sam_mask_decoder.iou_token.weight"]
    )


def test_divergence_is_said(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run._pending.append(("image", {"loss": torch.tensor(math.nan)}))
    with pytest.raises(ModelError, match=r"diverged: image/loss is nan at step 0; .*lower `lr`"):
        run.flush()
    assert run.log == []


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.save()
    before = (tmp_path / "last.pt").read_bytes()
    run.step()
    with full_disk(100_000), pytest.raises(OutputError, match=r"cannot write .*last\.pt"):
        run.save()
    assert (tmp_path / "last.pt").read_bytes() == before
    assert names(tmp_path) == ["last.pt", "log.json"]
    with full_disk(100_000), pytest.raises(OutputError, match=r"cannot write .*first\.pt"):
        write_checkpoint(tmp_path / "first.pt", run.state())
    assert names(tmp_path) == ["last.pt", "log.json"]


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    whole = run.save().read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="is damaged"):
        read_checkpoint(tmp_path / "last.pt")
    torch.save({"model": {}}, tmp_path / "official.pt")
    with pytest.raises(ModelError, match="no checkpoint of a training run; give it as --start"):
        read_checkpoint(tmp_path / "official.pt")


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    state = trainer(tmp_path).state()
    other = trainer(tmp_path, preset="test-hiera")
    with pytest.raises(ModelError, match="is of test-conv, the recipe trains test-hiera"):
        other.load_state(state)
    frozen = trainer(tmp_path, freeze=("memory_encoder",))
    with pytest.raises(ModelError, match="does not fit the recipe: changed are freeze"):
        frozen.load_state(state)
    assert trainer(tmp_path, lr=1e-5).load_state(state) == ["lr"]


# Several processes

_WORKER = """
import sys, torch
torch.set_num_threads(1)
from pathlib import Path
from test_train_trainer import trainer, weights
from splitmask.train.rollout import Plan
from splitmask.train.ranks import Ranks
out = Path(sys.argv[1])
ranks = Ranks.join(torch.device("cpu"))
run = trainer(out, ranks=ranks, minutes=60.0)
run._micro_step(0, Plan("point", 2))
ranks.average(p.grad for p in run.model.parameters() if p.grad is not None)
gradients = {k: p.grad.clone() for k, p in run.model.named_parameters() if p.grad is not None}
run.optimizer.zero_grad()
for _ in range(2):
    run.step()
run.save()
half = weights(run)
run.step()
state = {"gradients": gradients, "half": half, "weights": weights(run), "counters": (run.images, run.spent)}
torch.save(state, out / f"{ranks.rank}.pt")
again = trainer(out, ranks=ranks, minutes=60.0)
again.load_state(torch.load(out / "last.pt", weights_only=True))
again.step()
torch.save(weights(again), out / f"again{ranks.rank}.pt")
ranks.leave()
"""


def processes(out: Path, count: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        **os.environ, "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(out)],
            env={**shared, "RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]
    for process in started:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()


def test_two_processes_do_what_one_does_with_both_batches(tmp_path: Path) -> None:
    processes(tmp_path, 2)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    alone = []
    for rank in range(2):
        run = trainer(tmp_path, ranks=Ranks(rank))
        run._micro_step(0, Plan("point", 2))
        alone.append({k: p.grad for k, p in run.model.named_parameters() if p.grad is not None})
    differ = 0
    for key, value in found[0]["gradients"].items():
        assert torch.equal(value, found[1]["gradients"][key]), key
        torch.testing.assert_close(value, (alone[0][key] + alone[1][key]) / 2, rtol=1e-4, atol=1e-7)
        differ += not torch.equal(alone[0][key], alone[1][key])
    assert differ > 100, "each has scenes of its own"
    learned = [k for k, _ in trainer(tmp_path).model.named_parameters()]
    for key in learned:
        assert torch.equal(found[0]["weights"][key], found[1]["weights"][key]), key
    assert found[0]["counters"] == found[1]["counters"], "one clock"
    again = [torch.load(tmp_path / f"again{rank}.pt") for rank in range(2)]
    for key in learned:
        assert torch.equal(again[0][key], found[0]["weights"][key]), f"{key}: resumed with both streams"
        assert torch.equal(again[1][key], found[0]["weights"][key]), key

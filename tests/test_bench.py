"""What is measured, against what, and how it is told."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from cli_helpers import small_model, splitmask
from splitmask.bench.matmul import Matmul, matmul_model
from splitmask.bench.measure import Samples, Yardstick
from splitmask.bench.memory import growth_mb, resident_mb
from splitmask.bench.report import Row, rows
from splitmask.bench.stages import Times, import_seconds
from splitmask.engine import load

SIDE = 32


class Clock:
    """A matrix product that takes as long as it is told to."""

    def __init__(self, *times: float) -> None:
        self.times = iter(times)

    def __call__(self) -> float:
        return next(self.times)


def test_the_graph_is_a_valid_matrix_product() -> None:
    data = matmul_model(SIDE)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
    (product,) = session.run(None, {"a": a, "b": b})
    assert np.allclose(product, a @ b, atol=1e-4)


def test_the_product_takes_time() -> None:
    assert Matmul(threads=1, side=256)() > 0


def test_a_sample_is_measured_against_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.4, 1.0, 1.1])
    monkeypatch.setattr("splitmask.bench.measure.time.perf_counter", lambda: next(clock))
    yardstick, samples, calls = Yardstick(Clock(100, 300, 50, 50)), Samples(), []  # type: ignore[arg-type]
    yardstick.sample(samples, lambda: calls.append(1), repeats=2)
    yardstick.sample(samples, lambda: calls.append(1))
    assert len(calls) == 3
    assert samples.ms == pytest.approx([200, 100])
    assert samples.ratios == pytest.approx([1, 2])
    assert yardstick.ms == [100, 300, 50, 50]


def test_a_further_object_is_the_difference_shared_out() -> None:
    times = Times(frame=Samples([10, 20], [1.0, 2.0]), frame_many=Samples([16, 30], [1.6, 3.0]))
    assert times.extra.ms == pytest.approx([3, 5])
    assert times.extra.ratio == pytest.approx(0.4)


def test_rows_hold_the_targets_and_say_what_was_missed() -> None:
    fast, slow = Samples([1.0], [0.01]), Samples([900.0], [9.0])
    times = Times(encode=fast, click=slow, frame=fast, frame_many=fast, png=slow, overlay=slow)
    table = {row.name: row for row in rows(times, Yardstick(Clock(), [90.0, 100.0, 95.0]))}  # type: ignore[arg-type]
    targets = {name: row.target for name, row in table.items() if row.target is not None}
    assert list(targets.values()) == [1.05, 0.053, 1.75, 0.42]
    assert [table[name].passed for name in targets] == [True, False, True, True]
    assert table["matrix product 2048³, float32"].ms == 95
    assert table["click"].line().endswith("≤ 0.053 ×  ✗ missed")
    assert Row("memory", 12.0, "MB", target=30).line().endswith("✓")


def test_resident_memory_sees_what_is_allocated() -> None:
    before = resident_mb()
    block = np.ones(8_000_000)
    assert 50 < resident_mb() - before < 80, block.size


def test_growth_is_taken_between_two_frames(tmp_path: Path) -> None:
    ticks: list[int] = []
    grown = growth_mb(load(small_model()), tmp_path, lambda: ticks.append(1), first=20, last=40)
    assert len(ticks) == 41
    assert abs(grown) < 30


def test_import_is_timed_in_a_fresh_process() -> None:
    assert 0 < import_seconds(rounds=1) < 5


def test_the_command_prints_every_stage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitmask.bench.matmul.Matmul", partial(Matmul, side=256))
    monkeypatch.setattr("splitmask.bench.stages.WIDTH", 320)
    monkeypatch.setattr("splitmask.bench.stages.HEIGHT", 180)
    words = ["bench", "cpu", "--model", small_model(), "--rounds", "2", "--threads", "1", "--json"]
    outcome = splitmask(capsys, *words)
    assert outcome.code == 0
    table = json.loads(outcome.out)
    assert table["threads"] == 1
    assert [row["unit"] for row in table["rows"]] == ["×"] * 7 + ["s"]
    timed = {row["name"]: row["ms"] for row in table["rows"][:7]}
    assert all(ms > 0 for name, ms in timed.items() if name != "each further object")

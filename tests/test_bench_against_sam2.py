"""The comparison with the official package runs, on a model small enough for that."""

from __future__ import annotations

import sys

import pytest
import torch

import compat_official as official
from cli_helpers import splitmask
from splitmask.bench import against_sam2 as bench
from splitmask.bench import against_sam2_memory as memory
from splitmask.errors import ModelError

pytestmark = official.needs_official


def test_times_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UP", 1)
    ticks: list[None] = []
    rows = bench.against_sam2(frames=2, objects=(1, 2), image_size=128, tick=lambda: ticks.append(None))
    names = [f"{who}, {dtype}" for dtype in ("float32", "bfloat16") for who in ("sam2", "splitmask")]
    names.append("IoU of bfloat16")
    many = ("one object", "2 objects")
    assert [row.name for row in rows] == [f"{name}, {objects}" for objects in many for name in names]
    assert all(row.ms is not None and row.ms > 0 and row.value > 0 for row in (*rows[:4], *rows[5:9]))
    assert [row.value for row in rows[::5]] == [1.0, 1.0]
    targets = [False, True, False, bench.has_bfloat16(), True]
    assert [row.target is not None for row in rows[:5]] == targets
    assert [0.9 < row.value <= 1 and row.at_least for row in rows[4::5]] == [True, True]
    assert len(ticks) == bench.steps(2, (1, 2)) == 6


def test_peak_memory_side_by_side() -> None:
    rows = memory.memory_against_sam2(frames=2, tracked=1, image_size=128)
    assert [row.unit for row in rows] == ["MB", "MB", "×"]
    assert 100 < rows[1].value < 5000
    assert rows[2].value == rows[1].value / rows[0].value


def test_the_command_prints_both_tables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed, held = bench.against_sam2, memory.memory_against_sam2
    monkeypatch.setattr(bench, "WARM_UP", 1)
    monkeypatch.setattr(bench, "against_sam2", lambda frames, tick: timed(frames, (1,), 128, tick))
    monkeypatch.setattr(memory, "memory_against_sam2", lambda tracked: held(2, tracked, 128))
    threads = torch.get_num_threads()
    outcome = splitmask(capsys, "bench", "cpu", "--against", "sam2", "--rounds", "2", "--threads", "1")
    torch.set_num_threads(threads)
    assert outcome.code == 0
    title, _, *lines = outcome.out.splitlines()
    assert title.startswith("sam2.1-tiny · torch ")
    assert title.endswith(", 1 thread")
    assert len(lines) == 5 + 3
    assert "peak memory, 1 of 2 frames" in lines[5]


def test_the_command_without_the_official_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitmask.cli.bench_sam2.find_spec", lambda _: None)
    assert "run scripts/install_sam2.sh" in splitmask(capsys, "bench", "cpu", "--against", "sam2").error
    assert "--against takes sam2" in splitmask(capsys, "bench", "cpu", "--against", "sam3").error


def test_without_the_official_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sam2.build_sam", None)
    with pytest.raises(ModelError, match=r"scripts/install_sam2\.sh"):
        bench.against_sam2()

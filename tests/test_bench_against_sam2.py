"""The comparison with the official package runs, on a model small enough for that."""

from __future__ import annotations

import sys

import pytest

import compat_official as official
from splitmask.bench import against_sam2 as bench
from splitmask.errors import ModelError

pytestmark = official.needs_official


def test_times_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UP", 1)
    ticks: list[None] = []
    rows = bench.against_sam2(frames=2, objects=(1, 2), image_size=128, tick=lambda: ticks.append(None))
    names = [f"{who}, {dtype}" for dtype in ("float32", "bfloat16") for who in ("sam2", "splitmask")]
    many = ("one object", "2 objects")
    assert [row.name for row in rows] == [f"{name}, {objects}" for objects in many for name in names]
    assert all(row.ms is not None and row.ms > 0 and row.value > 0 for row in rows)
    assert [row.value for row in rows[::4]] == [1.0, 1.0]
    assert [row.target is not None for row in rows[:4]] == [False, True, False, True]
    assert len(ticks) == bench.steps(2, (1, 2)) == 6


def test_peak_memory_side_by_side() -> None:
    rows = bench.memory_against_sam2(frames=2, tracked=1, image_size=128)
    assert [row.unit for row in rows] == ["MB", "MB", "×"]
    assert 100 < rows[1].value < 5000
    assert rows[2].value == rows[1].value / rows[0].value


def test_without_the_official_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sam2.build_sam", None)
    with pytest.raises(ModelError, match=r"scripts/install_sam2\.sh"):
        bench.against_sam2()

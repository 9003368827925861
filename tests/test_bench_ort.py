"""Our graphs beside samexporter's: what is compared, how it is told, and what is said where it is missing."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cli_helpers import splitmask
from splitmask.bench import against_samexporter as bench
from splitmask.bench.matmul import matmul_model
from splitmask.bench.pairs import Contender, Ratio, in_turn, session_of
from splitmask.errors import ModelError
from splitmask.onnx.agreement import Agreement
from splitmask.presets import PRESETS


def contender(name: str, side: int) -> Contender:
    rng = np.random.default_rng(0)
    feed = {key: rng.standard_normal((side, side), np.float32) for key in "ab"}
    return Contender(name, session_of(matmul_model(side), 1), feed)


def test_graphs_take_turns_and_the_larger_takes_longer() -> None:
    small, large = contender("small", 64), contender("large", 512)
    ticks: list[None] = []
    in_turn([large, small], 3, 2, lambda: ticks.append(None))
    assert (len(small.ms), len(large.ms), len(ticks)) == (3, 3, 3)
    ratio = Ratio.of("matrices", large, small, 1.5)
    assert ratio.value > 1.5
    assert ratio.passed
    assert "≥ 1.5×" in ratio.line()


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    theirs, ours = contender("theirs", 8), contender("ours", 8)
    theirs.ms, ours.ms = [30.0, 10.0, 12.0], [10.0, 10.0, 6.0]
    ratio = Ratio.of("x", theirs, ours, 3)
    assert (ratio.theirs_ms, ratio.ours_ms, ratio.value, ratio.passed) == (12, 10, 2, False)
    assert "✗ missed" in ratio.line()
    assert ratio.to_json()["ratio"] == 2
    assert Ratio.of("x", theirs, ours).passed is None


def test_agreement_is_of_logits_and_of_masks() -> None:
    wanted = np.array([[[[3.0, -3.0], [-3.0, -3.0]]], [[[-1.0, -1.0], [-1.0, -1.0]]]], np.float32)
    same = Agreement.of("same", wanted, wanted)
    assert (same.error, same.iou) == (0, 1)
    found = wanted.copy()
    found[0, 0, 0, 1] = 1
    other = Agreement.of("other", found, wanted)
    assert other.iou == pytest.approx((0.5 + 1) / 2)
    assert other.error == pytest.approx((16 / 40) ** 0.5)
    assert "75" in other.line()
    assert other.to_json()["name"] == "other"


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "samexporter" else object())
    result = splitmask(capsys, "bench", "ort")
    assert result.code == 2
    assert "samexporter" in result.err
    assert "scripts/install_samexporter.sh" in result.err
    assert "Traceback" not in result.err


@pytest.mark.skipif(find_spec("sam2") is None, reason="see scripts/install_sam2.sh")
def test_an_export_that_fails_is_named(tmp_path: Path) -> None:
    preset = PRESETS[bench.SUBJECT]
    (tmp_path / preset.checkpoint).write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"samexporter failed to export sam2.1-tiny: "):
        bench.export_theirs(preset, tmp_path)


@pytest.mark.parity
@pytest.mark.skipif(find_spec("samexporter") is None, reason="see scripts/install_samexporter.sh")
def test_the_whole_comparison_runs(capsys: pytest.CaptureFixture[str]) -> None:
    result = splitmask(capsys, "bench", "ort", "--rounds", "1", "--json")
    assert result.code == 0
    rows = json.loads(result.out)["rows"]
    assert [row.get("target") for row in rows] == [1.15, 2.0, 1.7, None, None, 1.4, None, None]
    assert all(row["ratio"] > 0 for row in rows[:6])
    assert all(row["logitError"] < 0.1 for row in rows[6:])

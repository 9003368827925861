"""What a run says of itself, in a line and in a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from splitmask.train.curves import ticks, write_curves
from splitmask.train.report import Status, clock, gpu_use, open_board


def log(rows: int = 40) -> list[dict[str, float]]:
    """The loss falls in a straight line from 4 to 1, the IoU rises from 0 to 0.8; held-out once."""
    found: list[dict[str, float]] = [
        {"step": 10.0 * i, "image/loss": 4 - 3 * i / (rows - 1), "image/point1": 0.8 * i / (rows - 1)}
        for i in range(rows)
    ]
    return [*found, {"step": 10.0 * rows, "held-out/clicks/1": 0.5, "held-out/cat/1": 0.9}]


def pixels(path: Path, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a curve's pixels, left of the names."""
    plot = np.asarray(Image.open(path))[:, :690]
    return np.nonzero((plot == colour).all(-1))


BLUE = (0x00, 0x72, 0xB2)


def test_curves_show_what_happened(tmp_path: Path) -> None:
    write_curves(log(), tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == (900, 900), "a panel each for loss, IoU in training, IoU on held-out data"
    rows, columns = pixels(tmp_path / "c.png", BLUE)
    for panel, rises in ((0, False), (1, True)):
        here = rows // 300 == panel
        left = rows[here][columns[here] < 150].mean()
        right = rows[here][columns[here] > 550].mean()
        assert (left > right) == rises
    dot = rows // 300 == 2
    assert columns[dot].mean() == pytest.approx(690, abs=8), "one point is a dot, at the last step"


def test_a_log_without_anything_to_show_makes_no_picture(tmp_path: Path) -> None:
    write_curves([{"step": 1.0, "images": 3.0}], tmp_path / "c.png")
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    write_curves([*log(), {"step": 500.0, "held-out/track/mean": float("nan")}], tmp_path / "c.png")
    assert (tmp_path / "c.png").is_file()


@given(st.floats(-1e3, 1e3), st.floats(0.01, 1e6))
def test_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 2 <= len(found) <= 7
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])
    assert round(steps[0] / 10 ** np.floor(np.log10(steps[0] * 1.0001)), 6) in (1, 2, 5, 10)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03"), (90000, "25:00:00")]
)
def test_time_left(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_line_says_how_far_how_fast_and_how_good() -> None:
    status = Status(0.125, 400, 1523.4, 245, 91, {"image/loss": 1.23456})
    assert status.line() == " 12.5%  step 400, 1523 images/s, GPU 91%, 4:05 left  image/loss 1.235"
    assert "GPU" not in Status(0.1, 1, 2, 3).line()
    clip = Status(0.1, 1, 2, 3, None, {"clip/track1": 0.5, "clip/track12": 0.7, "clip/box1": 0.1})
    assert clip.line().endswith("clip/track 0.600 clip/box1 0.100"), "tracked frames are one number"


def test_without_a_gpu_there_is_no_use_of_one() -> None:
    assert gpu_use(torch.device("cpu")) is None


def test_a_board_is_written_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write = open_board(tmp_path)
    for row in log(3):
        write(row)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("image/loss")] == [(0, 4), (10, 2.5), (20, 1)]
    assert "step" not in events.Tags()["scalars"]


def test_without_tensorboard_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    open_board(tmp_path)({"step": 1.0, "a/b": 2.0})
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_refuses_does_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class NotSupportedError(Exception):
        pass

    def refuse(_device: torch.device) -> int:
        raise NotSupportedError

    monkeypatch.setattr(torch.cuda, "utilization", refuse)
    assert gpu_use(torch.device("cuda")) is None
    monkeypatch.setattr(torch.cuda, "utilization", lambda _device: 91)
    assert gpu_use(torch.device("cuda")) == 91

"""`splitmask train` as a caller sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from cli_helpers import SCRIPT, files, splitmask, started
from splitmask.cli import INTERRUPTED, train
from splitmask.model import Sam2
from splitmask.model.weights import save_model
from splitmask.presets import TEST_HIERA
from splitmask.train.recipe import packaged
from train_helpers import project, recipe

Capsys = pytest.CaptureFixture[str]
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that are started
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("data"), count=12)


def written(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(asdict(recipe(**changes))))
    return path


def test_a_run(capsys: Capsys, tmp_path: Path, data: Path) -> None:
    given = written(tmp_path / "mine.json", about="For a test.")
    done = splitmask(capsys, "train", given, data, "-o", tmp_path / "out", "--steps", 2)
    assert done.code == 0
    assert done.out == f"2 steps, 8 images → {tmp_path / 'out' / 'test-conv.safetensors'}\n"
    assert done.err.startswith("For a test.\nno GPU found")
    assert files(tmp_path / "out") == ["curves.png", "last.pt", "log.json", "test-conv.safetensors"]
    again = splitmask(capsys, "train", given, data, "-o", tmp_path / "out", "--steps", 3)
    assert "at step 2, 66.7% done" in again.err
    model = tmp_path / "out" / "test-conv.safetensors"
    done = splitmask(capsys, "export-onnx", model, "-o", tmp_path / "graphs")
    assert (done.code, (tmp_path / "graphs" / "graphs.json").is_file()) == (0, True)


def test_runs_go_to_a_folder_of_the_recipes_name(
    capsys: Capsys, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(Sam2(TEST_HIERA), tmp_path / "start.safetensors")
    words = ("train", "finetune-images", data, "--start", "start.safetensors", "--steps", 1, "--limit", 2)
    done = splitmask(capsys, *words)
    assert done.out == "1 step, 8 images → runs/finetune-images/test-hiera.safetensors\n"
    assert "train: 2 pictures" in done.err


def test_the_recipes_that_help_names_are_those_that_come_along() -> None:
    assert sorted(train._PACKAGED) == packaged()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.json", "DATA"), "there is no recipe nothing.json: give a file, or one of finetune"),
        (("RECIPE",), "no training data: name at least one"),
        (("RECIPE", "nowhere"), "there is no data at nowhere"),
        (("RECIPE", "DATA", "--preset", "nani"), "unknown model 'nani'"),
        (("RECIPE", "DATA", "--steps", "3", "--minutes", "2"), "--steps and --minutes are two lengths"),
        (("RECIPE", "DATA", "--steps", "0"), "'--steps'"),
        (("RECIPE", "DATA", "--on-error", "maybe"), "choose of skip, raise"),
        (("RECIPE", "DATA", "--start", "nano"), "does not fit test-conv"),
        (("RECIPE", "DATA", "--start", "none.pt"), "there is no model file none.pt"),
        (("finetune", "DATA"), "give --start or --preset"),
    ],
)
def test_what_is_wrong_is_one_line(
    capsys: Capsys, tmp_path: Path, data: Path, words: tuple[str, ...], said: str
) -> None:
    names = {"RECIPE": str(written(tmp_path / "r.json")), "DATA": str(data)}
    done = splitmask(capsys, "train", *(names.get(word, word) for word in words), "-o", tmp_path / "out")
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert last.startswith("splitmask: ")
    assert said in last
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_not_overwritten(capsys: Capsys, tmp_path: Path, data: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"PK\x03\x04 cut short")
    given = written(tmp_path / "r.json")
    done = splitmask(capsys, "train", given, data, "-o", tmp_path)
    assert "last.pt is damaged; move it away, or begin anew with --no-resume" in done.error
    assert (tmp_path / "last.pt").read_bytes() == b"PK\x03\x04 cut short"
    assert splitmask(capsys, "train", given, data, "-o", tmp_path, "--no-resume", "--steps", 1).code == 0


def test_ctrl_c_ends_a_step_and_saves(capsys: Capsys, tmp_path: Path, data: Path) -> None:
    given = written(tmp_path / "r.json", steps=100_000)
    process = started("train", given, data, "-o", tmp_path / "out")
    assert process.stderr is not None
    for line in process.stderr:
        if "step 1," in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "the same command continues" in rest
    state = torch.load(tmp_path / "out" / "last.pt", weights_only=True)
    steps = state["counters"][0]
    done = splitmask(capsys, "train", given, data, "-o", tmp_path / "out", "--steps", steps + 1)
    assert f"at step {steps}," in done.err
    assert done.out.startswith(f"{steps + 1} steps")


def test_a_kill_loses_what_came_after_the_last_save(capsys: Capsys, tmp_path: Path, data: Path) -> None:
    given = written(tmp_path / "r.json", steps=100_000, save_minutes=0.001)
    process = started("train", given, data, "-o", tmp_path / "out")
    last = tmp_path / "out" / "test-conv.safetensors"
    for _ in range(600):
        if last.is_file():
            break
        time.sleep(0.1)
    process.kill()
    process.communicate(timeout=60)
    done = splitmask(capsys, "train", given, data, "-o", tmp_path / "out", "--minutes", 0.01)
    assert done.code == 0
    assert "continues" in done.err
    assert not [name for name in files(tmp_path / "out") if name.endswith(".part")]


def test_torchrun(tmp_path: Path, data: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python"]
    command += [sys.executable, "-c", SCRIPT, "train", str(written(tmp_path / "r.json")), str(data)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [*command, "-o", str(tmp_path / "out")], capture_output=True, text=True, env=environment, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("4 steps, 32 images → "), "two processes, one of which speaks"
    assert run.stdout.count("\n") == 1
    state = torch.load(tmp_path / "out" / "last.pt", weights_only=True)
    assert len(state["streams"]) == 2


@pytest.mark.parametrize("script", sorted((ROOT / "recipes").glob("*.sh")), ids=lambda path: path.name)
def test_recipes_are_executable_and_say_what_they_cost(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert "\n# Cost: " in script.read_text()
    subprocess.run(["sh", "-n", script], check=True)

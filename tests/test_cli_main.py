"""The frame around all commands: help, version, errors, how little it takes to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cli_helpers import SCRIPT, splitmask
from splitmask import __version__
from splitmask.cli import app, common
from splitmask.cli.stopping import Stopper

HEAVY = ("numpy", "av", "PIL", "onnxruntime", "torch", "rich.progress")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = splitmask(capsys, "--version")
    assert (outcome.code, outcome.out) == (0, f"splitmask {__version__}\n")


def test_every_command_is_in_the_table() -> None:
    files = Path(app.__file__).parent.glob("[!_]*.py")
    modules = [import_module(f"splitmask.cli.{file.stem}") for file in files]
    assert {m.__name__ for m in app.COMMANDS} == {m.__name__ for m in modules if hasattr(m, "register")}


@pytest.mark.parametrize(
    "command", ["segment", "track", "demo", "models", "bench cpu", "eval", "export-onnx"]
)
def test_help_shows_examples(capsys: pytest.CaptureFixture[str], command: str) -> None:
    outcome = splitmask(capsys, *command.split(), "--help")
    assert outcome.code == 0
    assert f"splitmask {command}" in outcome.out.split("Examples")[1]


def test_help_names_every_export() -> None:
    from splitmask.export import EXPORTERS

    videos = {name for name, exporter in EXPORTERS.items() if exporter.target.endswith(".mp4")}
    assert set(common.CLIP_EXPORTS.split(", ")) == set(EXPORTERS)
    assert set(common.STILL_EXPORTS.split(", ")) == set(EXPORTERS) - videos


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from splitmask.cli import main; main(['--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["paint"], "No such command"),
        (["track", "clip.mp4", "--colour", "red"], "No such option"),
        (["track"], ""),
        (["track", "clip.mp4", "--threads", "0", "--point", "1,1"], "--threads"),
        (["segment", "--point", "1,1"], "IMAGE"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    outcome = splitmask(capsys, *words)
    assert outcome.code == 2
    assert says in outcome.err
    assert outcome.err.count("\n") == (1 if says else 0)  # without any word the help is shown instead


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitmask.cli.models.list_models", lambda as_json: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.app(["models"], standalone_mode=False)


def test_a_closed_pipe_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", SCRIPT, "models", "--help"]
    run = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert run.stderr == ""
    assert run.returncode in (0, 1)


def test_sigterm_unwinds() -> None:
    code = (
        "import os, signal, time\n"
        "from splitmask.cli import app, main, models\n"
        "def wait(as_json):\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)\n"
        "    finally: print('cleaned up')\n"
        "models.list_models = wait\n"
        "raise SystemExit(main(['models']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (143, "cleaned up\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_and_the_second_insists(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with Stopper() as stopper:
        assert not stopper.asked
        signal.raise_signal(number)
        assert (stopper.asked, stopper.code) == (True, code)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before

"""`splitmask models`: what it says of each model is so, and what it is told to do is done."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from cli_helpers import SCRIPT, small_model, splitmask
from faulty_server import FaultyServer, running
from splitmask.hub import entries
from splitmask.hub.inventory import count_parameters
from splitmask.model import Sam2
from splitmask.presets import PRESETS, TEST_CONV

Capsys = pytest.CaptureFixture[str]
DATA = np.random.default_rng(2).bytes(200_000)
OFFICIAL = [name for name, preset in PRESETS.items() if preset.hub]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("SPLITMASK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with running() as it:
        monkeypatch.setenv("HF_ENDPOINT", it.url)
        it.hub("acme/mine", {"mine.pt": DATA})
        yield it


def parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(value.numel() for value in Sam2(PRESETS[name]).parameters())


def test_every_model_has_a_row_and_the_embedded_one_is_first() -> None:
    rows = [each.name for each in entries()]
    assert rows == ["nano", *OFFICIAL]
    assert len(OFFICIAL) == 8


@pytest.mark.parametrize("name", OFFICIAL)
def test_parameters_are_those_of_the_network(name: str) -> None:
    preset = PRESETS[name]
    assert preset.parameters == parameters(name)
    assert re.fullmatch(r"[0-9a-f]{64}", preset.sha256)
    if preset.size:  # four bytes each, and names
        assert 4 * preset.parameters < preset.size < 4 * preset.parameters + 700_000


def test_no_two_official_files_are_the_same() -> None:
    for of in ("sha256", "checkpoint", "hub"):
        assert len({getattr(PRESETS[name], of) for name in OFFICIAL}) == 8


def test_a_header_is_enough_to_count_parameters() -> None:
    file = Path(small_model()) / "test-conv.safetensors"
    with torch.device("meta"):
        network = Sam2(TEST_CONV)
    assert count_parameters(file) == sum(value.numel() for value in network.state_dict().values())


def test_the_embedded_model_is_what_its_row_says() -> None:
    row = entries()[0]
    assert row.path is not None
    weights = Path(row.path) / "nano.safetensors"
    assert row.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert row.parameters is not None
    assert row.parameters < 10_000_000
    graphs = sum(file.stat().st_size for file in Path(row.path).glob("*.onnx"))
    assert graphs < 21_000_000
    assert row.bytes is not None
    assert row.bytes >= graphs + weights.stat().st_size


@pytest.mark.parametrize("command", [["models"], ["models", "list"]])
def test_the_table_and_its_json_agree(capsys: Capsys, command: list[str]) -> None:
    printed = splitmask(capsys, *command).out
    rows = json.loads(splitmask(capsys, *command, "--json").out)
    assert [row["name"] for row in rows] == ["nano", *OFFICIAL]
    for row in rows:
        line = next(line for line in printed.splitlines() if line.startswith(row["name"] + " "))
        assert f"{row['parameters'] / 1e6:.1f} M" in line
        assert row["licence"] in line
        where = "comes with splitmask" if row["path"] else f"splitmask models pull {row['name']}"
        assert line.endswith(where)
    assert rows[0]["sha256"] in printed


def test_a_model_s_life(server: FaultyServer, capsys: Capsys) -> None:
    pulled = splitmask(capsys, "models", "pull", "acme/mine")
    assert pulled.code == 0
    path = Path(pulled.out.strip().removeprefix("acme/mine: "))
    assert path.read_bytes() == DATA
    assert "mine.pt from 127.0.0.1" in pulled.err
    assert splitmask(capsys, "models", "pull", "acme/mine").out == f"acme/mine is here already: {path}\n"
    listed = splitmask(capsys, "models").out
    assert "here, repository, checkpoint" in listed
    assert str(path) in listed
    digest = hashlib.sha256(DATA).hexdigest()
    assert (
        splitmask(capsys, "models", "verify", "acme/mine").out
        == f"acme/mine: mine.pt: right: sha256 {digest}\n"
    )
    path.resolve().write_bytes(DATA[::-1])
    wrong = splitmask(capsys, "models", "verify")
    assert "nano.safetensors: right" in wrong.out
    assert "acme/mine: mine.pt: WRONG" in wrong.out
    assert digest in wrong.error
    assert "splitmask models remove acme/mine" in wrong.error
    assert splitmask(capsys, "models", "remove", "acme/mine").out == "acme/mine: 200.0 kB freed\n"
    assert "acme/mine" not in splitmask(capsys, "models").out
    assert "nothing to remove" in splitmask(capsys, "models", "remove", "acme/mine").error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pull", "sam2.1-tny"], "did you mean sam2.1-tiny?"),
        (["pull", "acme/mine", "--from", "moon"], "choose auto, hub or meta"),
        (["pull", "acme/mine", "--mirror", "moon"], "https://"),
        (["pull", "acme/mine", "--offline"], "--offline forbids"),
        (["pull", "acme/none"], "has no none (404)"),
        (["verify", "sam2.1-tiny"], "splitmask models pull sam2.1-tiny"),
        (["verify", "zebra"], "unknown model"),
        (["remove", "nano"], "comes with splitmask"),
        (["remove", "zebra"], "unknown model"),
        (["import", "nowhere.pt"], "nowhere.pt"),
        (["pull"], "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    server: FaultyServer, capsys: Capsys, words: list[str], said: str
) -> None:
    outcome = splitmask(capsys, "models", *words)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.splitlines()[-1].startswith("splitmask: ")
    assert not any("Traceback" in line for line in outcome.err.splitlines())


def test_a_pulled_model_is_named_anywhere(server: FaultyServer, capsys: Capsys, tmp_path: Path) -> None:
    model = {path.name: path.read_bytes() for path in Path(small_model()).iterdir()}
    server.hub("acme/graphs", model)
    from cli_helpers import photo

    picture = photo(tmp_path / "a.png")
    words = ["segment", picture, "--point", "30,30", "--model", "acme/graphs", "-o", tmp_path / "out"]
    assert "splitmask models pull acme/graphs" in splitmask(capsys, *words).error
    assert splitmask(capsys, "models", "pull", "acme/graphs").code == 0
    assert splitmask(capsys, *words).code == 0


def test_imported_models_are_named_too(server: FaultyServer, capsys: Capsys, tmp_path: Path) -> None:
    folder = shutil.copytree(small_model(), tmp_path / "small")
    assert "--model small" in splitmask(capsys, "models", "import", folder).out
    shutil.rmtree(folder)
    assert splitmask(capsys, "models", "import", tmp_path).code == 2
    rows = {row["name"]: row for row in json.loads(splitmask(capsys, "models", "--json").out)}
    assert (rows["small"]["kind"], rows["small"]["form"], rows["small"]["preset"]) == (
        "imported",
        "graphs",
        "test-conv",
    )
    assert splitmask(capsys, "models", "verify", "small").out.count(": right: ") == 6
    assert splitmask(capsys, "models", "remove", "small").code == 0
    assert "unknown model" in splitmask(capsys, "models", "remove", "small").error


WITHOUT_TORCH = """
import sys
for name in ("torch", "safetensors", "huggingface_hub", "httpx2"):
    sys.modules[name] = None
from splitmask.cli import main
for words in (["pull", "acme/mine"], ["verify", "acme/mine"], ["list"], ["remove", "acme/mine"]):
    assert main(["models", *words]) == 0
"""


def test_a_bare_installation_pulls(server: FaultyServer) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "200.0 kB freed" in done.stdout


def test_a_terminal_sees_a_bar(server: FaultyServer) -> None:
    """A pseudo-terminal, because only there is it drawn."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "models", "pull", "acme/mine"],
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(master)
    assert process.wait(20) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "mine.pt" in text
    assert "200.0/200.0 kB" in text
    assert "/s" in text

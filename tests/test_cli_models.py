"""`splitmask models`: what it says of each model is so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from cli_helpers import small_model, splitmask
from splitmask.cli.models import count_parameters, table
from splitmask.model import Sam2
from splitmask.presets import PRESETS, TEST_CONV

ROWS = {row.name: row for row in table()}


def parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(value.numel() for value in Sam2(PRESETS[name]).parameters())


def test_every_model_has_a_row_and_the_embedded_one_is_first() -> None:
    assert list(ROWS) == [name for name in PRESETS if not name.startswith("test-")]
    assert next(iter(ROWS)) == "nano"


@pytest.mark.parametrize("name", [name for name in ROWS if name != "nano"])
def test_parameters_are_those_of_the_network(name: str) -> None:
    assert ROWS[name].parameters == parameters(name)
    assert (ROWS[name].folder, ROWS[name].sha256) == (None, None)


def test_a_header_is_enough_to_count_parameters() -> None:
    file = Path(small_model()) / "test-conv.safetensors"
    with torch.device("meta"):
        network = Sam2(TEST_CONV)
    assert count_parameters(file) == sum(value.numel() for value in network.state_dict().values())


def test_the_embedded_model_is_what_its_row_says() -> None:
    row = ROWS["nano"]
    assert row.folder is not None
    weights = Path(row.folder) / "nano.safetensors"
    assert row.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert row.parameters < 10_000_000
    graphs = sum(file.stat().st_size for file in Path(row.folder).glob("*.onnx"))
    assert graphs < 21_000_000
    assert row.bytes is not None
    assert row.bytes >= graphs + weights.stat().st_size


def test_the_table_and_its_json_agree(capsys: pytest.CaptureFixture[str]) -> None:
    printed = splitmask(capsys, "models").out
    rows = json.loads(splitmask(capsys, "models", "--json").out)
    assert [row["name"] for row in rows] == list(ROWS)
    for row in rows:
        line = next(line for line in printed.splitlines() if line.startswith(row["name"] + " "))
        assert f"{row['parameters'] / 1e6:.1f} M" in line
        assert row["licence"] in line
        assert (row["checkpoint"] or "comes with splitmask") in line
    assert rows[0]["sha256"] in printed

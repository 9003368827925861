"""The notebook: every cell runs, in order, as it is written, on the model that comes with the package."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli_helpers import files
from splitmask.bundle import Bundle
from splitmask.cli import main

NOTEBOOK = Path(__file__).parent.parent / "deploy" / "notebook" / "encode.ipynb"
Cell = dict[str, Any]


def cells(kind: str) -> list[Cell]:
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def run(code: str, names: dict[str, Any]) -> Any:
    """Runs a cell as Jupyter does, `!splitmask` in this process → the value of its last line."""
    if code.startswith("!"):
        program, *words = shlex.split(code.removeprefix("!").format_map(names))
        assert program == "splitmask"
        assert main(words) == 0
        return None
    body = ast.parse(code).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), NOTEBOOK.name, "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)  # type: ignore[attr-defined]


def test_every_cell_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = [run(source(cell), names) for cell in cells("code") if "tags" not in cell["metadata"]]
    pictures = [each for each in shown if isinstance(each, Image.Image)]
    assert [picture.size for picture in pictures] == [(640, 360)] * 2
    assert 0.005 < names["pixels"].mean() < 0.2
    assert names["agreement"]["int8"] > 0.9, "one click, which may lie between two readings"
    assert names["agreement"]["float16"] > 0.99
    assert shown[-1] == [str(tmp_path / "bundles.zip"), str(tmp_path / "model.zip")]
    assert {"balloon.zip", "clip/000004/embedding.bin"} <= set(files(tmp_path / "bundles"))
    assert [each.info.name for each in Bundle.load(tmp_path / "bundles/clip/000004").objects] == ["ball"]
    assert "float16   1.00 MiB" in capsys.readouterr().out


def test_it_is_a_notebook_that_was_not_run_and_teaches() -> None:
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (content["nbformat"], content["metadata"]["kernelspec"]["name"]) == (4, "python3")
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))
    assert len(cells("markdown")) >= len(cells("code")) / 2
    assert [source(cell).split()[0] for cell in cells("code") if "tags" in cell["metadata"]] == ["%pip"]

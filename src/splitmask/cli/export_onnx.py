"""`splitmask export-onnx`: a checkpoint as ONNX graphs that run without torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.engine.graphs import GraphSet

_EXAMPLES = common.examples(
    "splitmask export-onnx sam2.1_hiera_tiny.pt -o tiny",
    "splitmask segment photo.jpg --model tiny --point 320,240",
)

OUT = typer.Option(..., "--out", "-o", metavar="DIR", help="Where the graphs go.")
PRESET = typer.Option(
    None, "--preset", metavar="NAME", help="Which model it is of; found by the file by default."
)
STORAGE = typer.Option(
    "fp16", "--storage", metavar="fp16|fp32", help="How weights are stored; all arithmetic is float32."
)
WITH_TORCH = typer.Option(
    False, "--with-torch", help="Also write the weights as stored, for the torch engine."
)


def register(app: typer.Typer) -> None:
    app.command("export-onnx", help=common.help_of(export_onnx), epilog=_EXAMPLES)(export_onnx)


def export_onnx(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="A .pt or .safetensors, a folder with one, or a name."
    ),
    out: Path = OUT,
    preset: str | None = PRESET,
    storage: str = STORAGE,
    with_torch: bool = WITH_TORCH,
    overwrite: bool = common.OVERWRITE,
) -> None:
    """Write a model's four ONNX graphs, graphs.json, and golden answers to check providers by.

    The folder can be given to --model, is what the browser loads, and needs no torch to run.
    """
    from splitmask.engine.ort import OrtEngine
    from splitmask.errors import ModelError, OutputError

    if storage not in ("fp16", "fp32"):
        raise ModelError(f"unknown storage {storage!r}: choose fp16 or fp32")
    lacking = [name for name in ("torch", "safetensors", "onnx") if find_spec(name) is None]
    if lacking:
        raise ModelError(f'exporting needs {", ".join(lacking)}: pip install "splitmask[torch,onnx]"')
    if (out / "graphs.json").exists() and not overwrite:
        raise OutputError(f"{out} holds graphs already: choose another --out or give --overwrite")
    made = _export(model, out, preset, cast(Literal["fp16", "fp32"], storage), with_torch)
    OrtEngine(out, provider="cpu").write_golden()
    total = sum(graph.size for graph in made.graphs.values())
    for graph in made.graphs.values():
        common.say(f"{graph.file:<22} {graph.size / 1e6:8.2f} MB  sha256 {graph.sha256[:16]}")
    common.say(f"{made.preset.name} in {common.shown(out)}: {total / 1e6:.2f} MB, opset {made.opset}")


def _export(
    model: str, out: Path, preset: str | None, storage: Literal["fp16", "fp32"], with_torch: bool
) -> GraphSet:
    from splitmask.model.weights import load_model, locate, sha256_of
    from splitmask.onnx.export import export
    from splitmask.onnx.package import package

    loaded = load_model(model, preset)
    if with_torch:
        return package(loaded, out, storage=storage)
    return export(loaded, out, storage=storage, weights_sha256=sha256_of(locate(model)))

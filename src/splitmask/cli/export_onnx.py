"""`splitmask export-onnx`: a checkpoint as ONNX graphs that run without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.engine.graphs import GraphSet
    from splitmask.model import Sam2
    from splitmask.onnx.form import Form
    from splitmask.types import ByteArray

_EXAMPLES = common.examples(
    "splitmask export-onnx sam2.1_hiera_tiny.pt -o tiny",
    "splitmask segment photo.jpg --model tiny --point 320,240",
    "splitmask export-onnx sam2.1_hiera_tiny.pt -o tiny-int8 --precision int8 --decode-prepare",
)
_SEEN = 12  # frames of the demo from which int8 learns ranges, if no pictures are given

OUT = typer.Option(..., "--out", "-o", metavar="DIR", help="Where the graphs go.")
PRESET = typer.Option(
    None, "--preset", metavar="NAME", help="Which model it is of; found by the file by default."
)
PRECISION = typer.Option(
    "fp16-storage",
    "--precision",
    metavar="fp32|fp16|int8|fp16-storage",
    help="fp16-storage: half the bytes, arithmetic in float32. fp16: arithmetic too, for GPUs. int8: the "
    "encoder's products in integers, for CPUs.",
)
MASK_SIZE = typer.Option(
    None, "--mask-size", metavar="PIXELS", help="Side of the masks, a quarter (default) or half of the frame."
)
MASKS = typer.Option(
    4, "--masks", min=3, max=4, help="3 for runners that know the three masks of a click only; no tracking."
)
POINTS = typer.Option(
    None, "--points", min=1, max=64, metavar="N", help="Fix all shapes, with N points; surplus ones are −2."
)
PREPARE = typer.Option(
    False, "--decode-prepare", help="Also two graphs that make further clicks on a frame cheaper."
)
ORT = typer.Option(False, "--ort", help="Also .ort files, for small builds of ONNX Runtime.")
PICTURES = typer.Option(
    None, "--calibrate", metavar="FILE", help="Pictures to learn int8 ranges from; the demo's by default."
)
DECODER = typer.Option(
    None, "--decoder", metavar="FILE", help="Use this decoder, of samexporter's making, instead; no tracking."
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
    precision: str = PRECISION,
    mask_size: int | None = MASK_SIZE,
    masks: int = MASKS,
    points: int | None = POINTS,
    decode_prepare: bool = PREPARE,
    ort: bool = ORT,
    calibrate: list[Path] | None = PICTURES,
    decoder: Path | None = DECODER,
    with_torch: bool = WITH_TORCH,
    overwrite: bool = common.OVERWRITE,
) -> None:
    """Write a model's four ONNX graphs, graphs.json, and golden answers to check providers by.

    The folder can be given to --model, is what the browser loads, and needs no torch to run.
    """
    from splitmask.errors import ModelError, OutputError

    lacking = [name for name in ("torch", "safetensors", "onnx") if find_spec(name) is None]
    if lacking:
        raise ModelError(f'exporting needs {", ".join(lacking)}: pip install "splitmask[torch,onnx]"')
    if (out / "graphs.json").exists() and not overwrite:
        raise OutputError(f"{out} holds graphs already: choose another --out or give --overwrite")
    from splitmask.engine.ort import OrtEngine
    from splitmask.model.weights import load_model, locate, sha256_of
    from splitmask.onnx.export import export
    from splitmask.onnx.package import package

    loaded = load_model(model, preset)
    form = _form(loaded, precision, masks, mask_size, points)
    foreign = None
    if decoder is not None:
        from splitmask.onnx.foreign import read_decoder, with_decoder

        foreign = read_decoder(decoder, loaded.preset)  # before anything is written
    extras = {"prepare": decode_prepare, "ort_format": ort}
    pictures = _pictures(calibrate) if precision == "int8" else ()
    if with_torch:
        made = package(loaded, out, form, pictures=pictures, **extras)
    else:
        sha256 = sha256_of(locate(model))
        made = export(loaded, out, form, pictures=pictures, weights_sha256=sha256, **extras)
    if foreign is not None:
        made = with_decoder(made, out, foreign)
    OrtEngine(out, provider="cpu", self_test=False).write_golden()
    _tell(made, out)
    if precision == "int8" and decoder is None:
        _tell_int8(loaded, out, pictures)


def _tell_int8(model: Sam2, out: Path, pictures: Sequence[ByteArray]) -> None:
    from splitmask.onnx.agreement import ENOUGH, int8_agreement

    agreement = int8_agreement(model, out, pictures)
    common.say(f"{agreement.name}: logits off by {agreement.error:.1%}, IoU of masks {agreement.iou:.3f}")
    if agreement.iou < ENOUGH:
        common.say("int8 costs this model more than it should: fp16-storage is the better choice for it")


def _form(model: Sam2, precision: str, masks: int, mask_size: int | None, points: int | None) -> Form:
    from splitmask.errors import ModelError
    from splitmask.onnx.form import PRECISIONS, Form, upscale_of

    for known in PRECISIONS:
        if precision == known:
            return Form(known, masks, upscale_of(model.preset, mask_size), points)
    *others, last = PRECISIONS
    raise ModelError(f"unknown precision {precision!r}: choose {', '.join(others)} or {last}")


def _pictures(files: list[Path] | None) -> Sequence[ByteArray]:
    if files:
        from splitmask.media.image import read_image

        return [read_image(file) for file in files]
    from splitmask.demo.scene import Scene

    return [shot.image for shot in Scene(length=_SEEN).shots()]


def _tell(made: GraphSet, out: Path) -> None:
    files = [file for graph in made.graphs.values() for file in graph.files]
    for file in files:
        common.say(f"{file.file:<22} {file.size / 1e6:8.2f} MB  sha256 {file.sha256[:16]}")
    total = sum(graph.size for graph in made.graphs.values())
    common.say(f"{made.preset.name} in {common.shown(out)}: {total / 1e6:.2f} MB, opset {made.opset}")

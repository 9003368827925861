"""`splitmask decode`: masks from a bundle, without the picture and without the encoder."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from splitmask.cli import common, ordered

_EXAMPLES = common.examples(
    "splitmask decode splitmask-out/truck --point 530,360",
    "splitmask decode truck.zip --box 75,275,1725,850 --point 300,300,0 -o out",
    "splitmask decode race/000010 --object red --point 420,180,0",
)


def register(app: typer.Typer) -> None:
    ordered.add_command(app, "decode", decode, _EXAMPLES)


def decode(
    ctx: typer.Context,
    bundle: Path = typer.Argument(
        ..., metavar="BUNDLE", help="A folder or zip that encode wrote.", show_default=False
    ),
    point: list[str] = ordered.POINT,
    box: list[str] = ordered.BOX,
    mask: list[str] = ordered.MASK,
    object_: list[str] = ordered.OBJECT,
    multimask: bool = common.MULTIMASK,
    save: str = common.SAVE_STILL,
    out: Path = common.OUT,
    model: str = common.MODEL,
    overwrite: bool = common.OVERWRITE,
    engine: str = common.ENGINE,
    provider: str | None = common.PROVIDER,
    device: str = common.DEVICE,
    precision: str = common.PRECISION,
    compiled: bool = common.COMPILE,
    threads: int | None = common.THREADS,
) -> None:
    """Give a bundle and a click, get the object's mask.

    Needs neither the picture nor the encoder: of the model only its decoder is loaded. Coordinates are
    pixels of the original picture. Writes what segment writes, into DIR/NAME/, NAME being the bundle's;
    the overlay is drawn on the preview.

    In a bundle of a tracked frame, --object names one of its objects to correct it: its memory of the
    other frames and its mask so far are in the bundle.
    """
    from splitmask.bundle import Bundle
    from splitmask.jobs import decoding, segmenting
    from splitmask.jobs.outputs import prepared
    from splitmask.jobs.script import understand

    wanted = segmenting.exporters(save)
    runner = common.load_engine(model, engine, threads, provider, device, precision, compiled)
    read = Bundle.load(bundle, runner)
    script = understand(ordered.words(ctx), known=[each.info for each in read.objects])
    picture = decoding.read(bundle, read, script)
    folder = out / decoding.name_of(bundle)
    with prepared(folder, segmenting.targets(wanted), overwrite):
        start = time.perf_counter()
        found = decoding.find(runner, read, picture, script, multimask)
        elapsed = (time.perf_counter() - start) * 1000
        segmenting.write(runner, picture, found, folder, wanted)
    common.say_found(picture.path.name, read.size, found, folder, elapsed)

"""`splitmask segment`: masks in images."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import typer

from splitmask.cli import common, ordered

_EXAMPLES = common.examples(
    "splitmask segment truck.jpg --point 530,360",
    "splitmask segment truck.jpg --box 75,275,1725,850 --point 300,300,0",
    "splitmask segment a.jpg --object cat --point 80,90 --object dog --box 200,40,400,300 -o out",
    "splitmask segment truck.jpg --point 530,360 --multimask",
)


def register(app: typer.Typer) -> None:
    ordered.add_command(app, "segment", segment, _EXAMPLES)


def segment(
    ctx: typer.Context,
    images: list[Path] = typer.Argument(..., metavar="IMAGE...", help="Any still image.", show_default=False),
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
    """Give an image and a click, get the object's mask.

    Writes into DIR/NAME/, NAME being the image's: masks/ (a black-and-white PNG per object), masks.json
    (COCO run-length codes), overlay.png (the objects tinted), result.json (all of it, with prompts and
    scores).
    """
    from splitmask.jobs import segmenting
    from splitmask.jobs.outputs import prepared
    from splitmask.jobs.script import understand

    script = understand(ordered.words(ctx))
    wanted = segmenting.exporters(save)
    segmenting.check_names(images)
    pictures = (segmenting.read(image, script) for image in images)
    first = next(pictures)  # what is wrong with it is said before a model is loaded
    with ExitStack() as stack:
        for image in images:
            stack.enter_context(prepared(out / image.stem, segmenting.targets(wanted), overwrite))
        runner = common.load_engine(model, engine, threads, provider, device, precision, compiled)
        for picture in chain([first], pictures):
            start = time.perf_counter()
            found = segmenting.find(runner, picture, multimask)
            elapsed = (time.perf_counter() - start) * 1000
            folder = out / picture.path.stem
            segmenting.write(runner, picture, found, folder, wanted)
            common.say_found(picture.path.name, picture.image.shape[:2], found, folder, elapsed)

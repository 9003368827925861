"""Options and small things that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from splitmask.engine import Engine
    from splitmask.jobs.segmenting import Found

OUT = typer.Option(Path("splitmask-out"), "--out", "-o", metavar="DIR", help="Where results go.")
MODEL = typer.Option("nano", "--model", metavar="NAME|PATH", help="See: splitmask models.")
OVERWRITE = typer.Option(False, "--overwrite", help="Replace results of an earlier run.")
ENGINE = typer.Option("auto", "--engine", metavar="auto|ort|torch", help="What runs the model.")
PROVIDER = typer.Option(
    None,
    "--provider",
    metavar="auto|NAME,…",
    help="Of ONNX Runtime: cpu, cuda, tensorrt, coreml, openvino or directml; the fastest here by default.",
)
DEVICE = typer.Option("auto", "--device", metavar="auto|cpu|cuda|mps", help="Of PyTorch.")
PRECISION = typer.Option(
    "fp32", "--precision", metavar="fp32|bf16|fp16", help="Of PyTorch: what it computes in, where it is slow."
)
COMPILE = typer.Option(False, "--compile", help="Of PyTorch: compile the image encoder; long clips gain.")
THREADS = typer.Option(None, "--threads", min=1, metavar="N", help="Processor threads; all by default.")


# The table of exports is heavy to import; a test holds these to its names.
STILL_EXPORTS = "png, davis, rle_json, coco, coco_rle, yolo"
CLIP_EXPORTS = f"overlay_mp4, labelled_mp4, {STILL_EXPORTS}"

MULTIMASK = typer.Option(False, "--multimask", help="Give the three readings of an ambiguous click.")
SAVE_STILL = typer.Option(
    "png,rle_json", "--save", metavar="LIST", help=f"What to write, of: {STILL_EXPORTS}."
)


def load_engine(
    model: str,
    engine: str,
    threads: int | None,
    provider: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    compiled: bool = False,
) -> Engine:
    """As `splitmask.engine.load`. Raises ModelError for an unknown model or engine."""
    from splitmask.engine import load

    return load(model, engine, threads, device, provider, dtype=precision, compile=compiled)


def console() -> Console:
    """stderr, for progress and notes: stdout stays for what a script may want to read."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def examples(*lines: str) -> str:
    """An epilog that shows what to type."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def help_of(command: Callable[..., None]) -> str:
    """A command's docstring with each paragraph on one line, to be wrapped to the terminal's width."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def plural(count: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def say(*lines: Any) -> None:
    """Result lines on stdout, without markup."""
    for line in lines:
        typer.echo(line)


def say_found(name: str, size: tuple[int, ...], found: Sequence[Found], folder: Path, elapsed: float) -> None:
    """What came of one picture of (H, W): each object's score and share. elapsed: milliseconds."""
    say(f"{name}: {size[1]} × {size[0]}, {elapsed:.0f} ms → {shown(folder)}/")
    for item in found:
        share = item.pixels.mean() * 100
        say(f"  {item.info.name}: score {item.mask.score:.2f}, {share:.1f} % of the picture")

"""The commands in one table. A new command is a file with `register(app)` and a row here."""

from __future__ import annotations

import typer

from splitmask import __version__
from splitmask.cli import bench, decode, demo, encode, export_onnx, models, segment, studio, track, train
from splitmask.cli import eval as evaluate

COMMANDS = (segment, track, studio, encode, decode, demo, models, bench, evaluate, train, export_onnx)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"splitmask {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def build() -> typer.Typer:
    """The application with every command registered."""
    app = typer.Typer(
        name="splitmask",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Click an object once, in any image or video, and get its mask through the whole clip.",
        epilog="Begin with: splitmask demo",
    )
    app.callback()(_root)
    for command in COMMANDS:
        command.register(app)
    return app


app = build()

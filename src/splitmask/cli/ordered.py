"""Options whose order on the command line matters: `--object cat --point 10,20 --object dog --point 5,5`.

Option parsers collect each option's values apart from the others'. The order is taken from the
arguments themselves before they are parsed; the parser then checks and documents them as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from splitmask.cli.common import help_of

_KEY = "splitmask.prompts"
FLAGS = ("--object", "--frame", "--point", "--box", "--mask")

Words = list[tuple[str, str]]  # (flag, value), as they stand on the command line

OBJECT = typer.Option(
    [],
    "--object",
    metavar="ID|NAME",
    help="The object that the prompts after it are about: a number or a name. Several: one --object each.",
)
FRAME = typer.Option(
    [],
    "--frame",
    metavar="N",
    help="The frame that the prompts after it are on, counted from 0; the first by default.",
)
POINT = typer.Option(
    [],
    "--point",
    metavar="X,Y[,0]",
    help="A click in pixels from the top left; ,0 marks what is not the object.",
)
BOX = typer.Option([], "--box", metavar="X0,Y0,X1,Y1", help="A box around the object, in pixels.")
MASK = typer.Option(
    [],
    "--mask",
    metavar="FILE",
    help="A mask image of the frame's own size: white, or opaque, is the object.",
)


class PromptCommand(TyperCommand):
    """A command that remembers the order of its prompt options; `words(ctx)` gives it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_KEY] = in_order(args)
        return super().parse_args(ctx, args)


def add_command(app: typer.Typer, name: str, command: Callable[..., None], examples: str) -> None:
    """Adds a command that takes prompts. examples: as `common.examples` writes them."""
    app.command(name, help=help_of(command), cls=PromptCommand, epilog=examples, no_args_is_help=True)(
        command
    )


def words(ctx: typer.Context) -> Words:
    """The prompt options of the command line, in order."""
    found: Words = ctx.meta[_KEY]
    return found


def in_order(arguments: Sequence[str]) -> Words:
    """The prompt options among raw arguments, `--flag value` or `--flag=value`, in order."""
    found: Words = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            break
        flag, equals, value = argument.partition("=")
        if flag in FLAGS:
            found.append((flag, value if equals else next(rest, "")))
    return found

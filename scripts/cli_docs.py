"""Writes docs/cli.md from the command line itself. `--check` only says whether it has drifted.

Run it as `make docs`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from splitmask.cli.app import app

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"
_HEAD = """# Command line

Made by `make docs` from the program itself; a test fails when the two differ.

Exit codes: 0 done; 2 something that you can put right, said in one line on stderr; 130 or 143 stopped by
Ctrl-C or SIGTERM, with what was done left whole.
"""


def page() -> str:
    """The whole of docs/cli.md."""
    return "\n".join([_HEAD, *_command(typer.main.get_command(app), "splitmask")])


def _command(command: Any, name: str) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield f"{command.help}\n"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    words = [name, *(p.metavar for p in arguments), "[OPTIONS]"]
    yield f"```\n{' '.join(words)}{' COMMAND' if hasattr(command, 'commands') else ''}\n```\n"
    yield from _table(command)
    yield from _examples(command.epilog or "")
    for child, each in getattr(command, "commands", {}).items():
        yield from _command(each, f"{name} {child}")


def _table(command: Any) -> Iterator[str]:
    rows = [_row(p) for p in command.params if p.param_type_name == "option" and p.name != "help"]
    if rows:
        yield "| option | value | default | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    is_flag = isinstance(option.default, bool)
    value = "" if is_flag or not option.metavar else f"`{option.metavar}`".replace("|", "\\|")
    shown = "" if is_flag or option.default in (None, [], (), ":") else f"`{option.default}`"
    return f"| {names} | {value} | {shown} | {option.help} |"


def _examples(epilog: str) -> Iterator[str]:
    lines = re.findall(r"\[cyan\](.+?)\[/cyan\]", epilog)
    if lines:
        yield "```sh\n" + "\n".join(lines) + "\n```\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        drifted = not TARGET.exists() or TARGET.read_text("utf-8") != text
        if drifted:
            print(f"{TARGET.name} has drifted from the program: run make docs", file=sys.stderr)
        return int(drifted)
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

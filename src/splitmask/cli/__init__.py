"""The command line. Nothing heavy is imported until a command needs it, so that `--help` is instant."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

USAGE_ERROR = 2
INTERRUPTED = 130
TERMINATED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0, or 2 for what the user can put right.

    Such an error is one line on stderr. Anything else keeps its traceback: it is a defect of splitmask.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from splitmask.cli.app import app
    from splitmask.errors import SplitmaskError

    try:
        code = app(arguments, prog_name="splitmask", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except SplitmaskError as error:
        return _fail(str(error))
    except typer.Abort:  # Ctrl-C, as the parser passes it on
        return INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # what every usage error of the option parser has
            raise
        return _fail(f"{error.format_message()} Try --help.") if str(error) else USAGE_ERROR  # help was shown


def _fail(message: str) -> int:
    line = " ".join(message.split())
    print(f"splitmask: {line}", file=sys.stderr)
    return USAGE_ERROR


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM unwinds like an exception, so that nothing half-written stays behind."""
    raise SystemExit(TERMINATED)

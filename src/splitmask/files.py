"""Files appear whole or not at all: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splitmask.errors import OutputError


def temporary_beside(path: Path) -> Path:
    """A hidden name in the target's folder, so that renaming it never crosses a file system."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path to write to; the target is replaced when the block ends without an error.

    On an error nothing is left behind and an existing target stays as it was. Raises OutputError
    where the folder cannot be made or written to, or the disk is full.
    """
    temporary = temporary_beside(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all. Raises OutputError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns the system's errors within the block into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}; choose another --out or free some space"
        ) from error

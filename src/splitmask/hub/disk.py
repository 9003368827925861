"""Room on the disk: asked for before a download, and said clearly when it runs out."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from splitmask.errors import ModelError

_MARGIN = 16 << 20  # bytes to leave free
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def readable(size: int) -> str:
    """Bytes as 156.0 MB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size} bytes"


def require_space(folder: Path, needed: int, name: str) -> None:
    """Raises ModelError if a folder's disk has no room for so many more bytes."""
    free = shutil.disk_usage(folder).free
    if needed + _MARGIN > free:
        raise ModelError(
            f"{name} needs {readable(needed)} more, and {folder} has {readable(free)} free: make room, "
            "or name a folder on another disk by HF_HUB_CACHE"
        )


@contextmanager
def writing(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file to append to, on the disk when the block ends. Raises ModelError if it cannot be written."""
    with in_words(path, name):
        file = path.open("ab", buffering=0)
    with file:
        yield file
        with in_words(path, name):
            os.fsync(file.fileno())


def append(file: BinaryIO, data: bytes, path: Path, name: str) -> None:
    """All of the bytes. Raises ModelError."""
    with in_words(path, name):
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


@contextmanager
def in_words(path: Path, name: str) -> Iterator[None]:
    """Turns the system's errors within the block into a ModelError. path: of the file."""
    try:
        yield
    except OSError as error:
        kept = f"; what came of {name} is kept, pull it again to go on" if error.errno in _FULL else ""
        reason = error.strerror or error
        raise ModelError(
            f"cannot write {path.parent}: {reason}{kept}; make room, or name another folder by HF_HUB_CACHE"
        ) from error

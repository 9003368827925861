"""JSON annotations, read with errors that name the file and the place in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from splitmask.errors import DataError
from splitmask.train.readers.pictures import read_bytes

_HEAD = 1 << 16


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError for anything else."""
    try:
        value = json.loads(read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); export the annotations again") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object; expected one with annotations")
    return value


def entry(value: Any, name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """`value[name]`, checked for its type. Raises DataError that says where it is missing or wrong."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        expected = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
        raise DataError(f"{where}: expected {name} to be {expected}, found {type(found).__name__}")
    return found


def head(path: Path) -> str:
    """The first 64 KiB of a file as text, for telling layouts apart; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""

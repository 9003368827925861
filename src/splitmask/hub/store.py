"""Models that were imported: a folder each, with the files as they came and `model.json` about them.

They are not in a cache because nothing can fetch them again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from splitmask.errors import ModelError
from splitmask.hub import disk
from splitmask.hub.digests import sha256
from splitmask.hub.lock import holding
from splitmask.presets import PRESETS

RECORD = "model.json"
_FORMAT = "splitmask.model"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported model. main: the file that makes it one, graphs.json or a checkpoint."""

    name: str
    preset: str
    main: str
    files: Mapping[str, str]  # name → sha256
    bytes: int
    source: str  # what the file or folder was called


def check_name(name: str) -> str:
    """Raises ModelError for what cannot be an imported model's name."""
    if name.lower() in PRESETS:
        raise ModelError(f"{name} is the name of a model that is known already: choose another by --name")
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name: choose letters, digits, '.', '_', '+' and '-' by --name"
        )
    return name


def folder_of(home: Path, name: str) -> Path:
    return home / "models" / name


def read(home: Path, name: str) -> Imported | None:
    """What is kept under a name; None if nothing, or nothing whole, is."""
    if not _NAME.fullmatch(name):
        return None
    try:
        content = json.loads((folder_of(home, name) / RECORD).read_text("utf-8"))
        if content.pop("format") != _FORMAT:
            return None
        return Imported(**content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def everything(home: Path) -> Iterator[Imported]:
    """All imported models by name."""
    with suppress(OSError):
        for folder in sorted((home / "models").iterdir()):
            if found := read(home, folder.name):
                yield found


def add(home: Path, name: str, preset: str, sources: Mapping[str, Path], main: str) -> Imported:
    """Copies files into a folder of their own, which appears whole or not at all.

    sources: name there → file. What is there already under this name with the same bytes is left alone.
    Raises ModelError for a name that is taken, no room, or a folder that cannot be written.
    """
    check_name(name)
    digests = {file: sha256(path) for file, path in sources.items()}
    size = sum(path.stat().st_size for path in sources.values())
    record = Imported(name, preset, main, digests, size, _called(sources[main], main))
    with holding(home / "models" / ".lock"):
        if there := read(home, name):
            if dict(there.files) == digests:
                return there
            raise ModelError(
                f"there is another model {name}, imported from {there.source}: choose a --name for this one, "
                f"or run `splitmask models remove {name}` first"
            )
        disk.require_space(home, size, name)
        _write(folder_of(home, name), record, sources)
    return record


def remove(home: Path, name: str) -> None:
    """Raises ModelError."""
    folder = folder_of(home, name)
    with holding(home / "models" / ".lock"), disk.in_words(folder, name):
        gone = folder.with_name(f".{name}.{os.getpid()}.gone")
        folder.replace(gone)  # at once, so that nobody finds half of it
        shutil.rmtree(gone)


def _called(path: Path, main: str) -> str:
    return path.parent.name if main == "graphs.json" else path.name


def _write(folder: Path, record: Imported, sources: Mapping[str, Path]) -> None:
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    with disk.in_words(folder / RECORD, record.name):
        try:
            part.mkdir(parents=True)
            for name, path in sources.items():
                shutil.copyfile(path, part / name)
            text = json.dumps({"format": _FORMAT, **asdict(record)}, indent=1)
            (part / RECORD).write_text(text + "\n", "utf-8")
            shutil.rmtree(folder, ignore_errors=True)  # what has no record
            part.replace(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

"""A folder or an uncompressed tar as a flat set of named files, read one at a time in any order."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitmask.errors import DataError
from splitmask.train.readers.pictures import read_bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """Names without folders, in order, and a function that gives one file's bytes."""

    path: Path
    names: tuple[str, ...]
    read: Callable[[str], bytes]  # raises DataError; any number of threads may call it

    def where(self, name: str) -> str:
        """The file as a person finds it."""
        return str(self.path / name)


def open_archive(path: Path) -> Archive:
    """A folder, or a tar whose members are then read straight from it. Raises DataError."""
    return _tar(path) if path.is_file() else _folder(path)


def first_name(path: Path) -> str:
    """The name of a tar's first member, for telling what it holds; empty if it is no tar."""
    try:
        with tarfile.open(path, "r:") as archive:
            member = archive.next()
    except (OSError, tarfile.TarError):
        return ""
    return member.name if member else ""


def _folder(path: Path) -> Archive:
    names = tuple(sorted(item.name for item in path.iterdir() if item.is_file()))
    return Archive(path, names, lambda name: read_bytes(path / name))


def _tar(path: Path) -> Archive:
    """Only where each member lies is kept; reading opens the file anew, so threads and forks may read."""
    places: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile():
                    places[Path(member.name).name] = (member.offset_data, member.size)
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"{path} is not a whole, uncompressed tar ({error}); fetch it again") from error

    def read(name: str) -> bytes:
        offset, size = places[name]
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        if len(data) != size:
            raise DataError(f"{path / name} is cut short: the tar ends early; fetch it again")
        return data

    return Archive(path, tuple(sorted(places)), read)

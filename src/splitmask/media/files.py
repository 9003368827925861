"""Looking at a path before anything is opened: is it there, may it be read, is there anything in it."""

from __future__ import annotations

from pathlib import Path

from splitmask.errors import MediaError


def check_readable(path: Path) -> None:
    """Raises MediaError unless the path is a file that can be read and holds at least one byte."""
    try:
        if path.is_dir():
            raise MediaError(f"{path} is a folder, where a file is needed; give one of the files in it")
        if path.exists() and not path.is_file():  # opening a pipe would wait forever
            raise MediaError(f"{path} is not a regular file; copy what it gives into one")
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError(f"{path} is empty (0 bytes); copy or export it again")
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> MediaError:
    """What the system said of a path, as one line that tells what to do."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return MediaError(f"{path} does not exist; check the path")
    if isinstance(error, PermissionError):
        return MediaError(f"{path} may not be read (permission denied); change its permissions")
    return MediaError(f"{path} cannot be read: {error.strerror or error}; check the file")

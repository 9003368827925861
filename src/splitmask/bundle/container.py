"""Where a bundle's files are: in a folder, or in one zip. Nothing is ever unpacked to disk."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from splitmask.errors import BundleError
from splitmask.files import replacing, write_bytes

MANIFEST, EMBEDDING, PREVIEW = "manifest.json", "embedding.bin", "preview.jpg"

Read = Callable[[str, int], bytes | None]  # name, bytes at most → that many of its bytes; None: no such file

# What zipfile runs into when an archive is not what it promises, or needs a password.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError,
    OSError, LookupError,
)  # fmt: skip
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle is the same file, whenever it is written
_LEVEL = 1  # higher ones take three times as long and save nothing


def is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


@contextmanager
def reading(path: Path) -> Iterator[Read]:
    """The files of a bundle. Errors of the system and of the archive become BundleErrors."""
    with ExitStack() as stack:
        with _damage():
            find = _opened(path, stack)

        def read(name: str, limit: int) -> bytes | None:
            with _damage():
                return find(name, limit)

        yield read


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """All of the files or none; the first of them is put in place last. Raises OutputError."""
    made = not folder.exists()
    try:
        with ExitStack() as stack:
            for name, data in files.items():
                stack.enter_context(replacing(folder / name)).write_bytes(data)
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """One deflated archive, whole or not at all. Raises OutputError."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, _LEVEL)
    write_bytes(path, buffer.getvalue())


def _opened(path: Path, stack: ExitStack) -> Read:
    if path.is_dir():
        return lambda name, limit: _of_folder(path / name, limit)
    if not path.exists():
        raise BundleError("there is no such file or folder; give a bundle")
    archive = stack.enter_context(zipfile.ZipFile(path))
    folder = _folder_of(archive)
    return lambda name, limit: _of_archive(archive, folder + name, limit)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as error:
        raise BundleError(f"no bundle, or a damaged one ({error}); copy it again") from error
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BundleError(f"it cannot be read ({reason}); copy it again") from error


def _of_folder(file: Path, limit: int) -> bytes | None:
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        return opened.read(limit)


def _of_archive(archive: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    if name not in archive.NameToInfo:
        return None
    with archive.open(name) as opened:  # gives no more than is asked for, whatever the archive claims
        return opened.read(limit)


def _folder_of(archive: zipfile.ZipFile) -> str:
    """The one folder that the bundle is in, as when somebody zips a folder; "" for the archive's root."""
    names = archive.NameToInfo
    folders = {name.removesuffix(MANIFEST) for name in names if name.endswith(f"/{MANIFEST}")}
    if MANIFEST in names or len(folders) != 1:
        return ""
    return folders.pop()

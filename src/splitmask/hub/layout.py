"""The cache of the Hugging Face hub on disk, as its documentation of the local cache describes it.

    CACHE/.locks/models--OWNER--REPO/DIGEST.lock
    CACHE/models--OWNER--REPO/blobs/DIGEST              the bytes, named by what they are
                             /snapshots/COMMIT/FILE     a link to its blob
                             /refs/main                 the commit that `main` was last seen at

Files that other tools put there are found, and those put there by splitmask are found by them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from splitmask.files import write_bytes
from splitmask.hub.digests import Digest, from_etag
from splitmask.hub.lock import holding

PREFIX = "models--"
_COMMIT_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository's place in the cache. `name`: OWNER/REPO."""

    cache: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.cache / (PREFIX + self.name.replace("/", "--"))

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest

    def partial(self, key: str) -> Path:
        """What has come so far of a blob."""
        return self.folder / "blobs" / f"{key}.incomplete"

    def find(self, file: str) -> Path | None:
        """A file in the snapshot that `main` is at, or else in the newest that has it."""
        return next((path for folder in self.snapshots() if (path := folder / file).is_file()), None)

    def snapshots(self) -> list[Path]:
        """Their folders: that of `main` first, then the newest."""
        try:
            folders = [path for path in (self.folder / "snapshots").iterdir() if path.is_dir()]
        except OSError:
            return []
        main = self.commit()
        return sorted(folders, key=lambda path: (path.name != main, -path.stat().st_mtime))

    def commit(self) -> str:
        """What `main` was last seen at; empty if it never was."""
        try:
            return (self.folder / "refs" / "main").read_text("utf-8").strip()
        except (OSError, ValueError):
            return ""

    def install(self, partial: Path, digest: str, commit: str, file: str) -> Path:
        """Makes a whole download a blob, with a link in a snapshot. Returns the link.

        commit: empty where the host does not know of commits; the digest's first digits stand in for it.
        Raises OutputError.
        """
        blob = self.blob(digest)
        partial.replace(blob)
        return self.link(digest, commit, file)

    def link(self, digest: str, commit: str, file: str) -> Path:
        """Gives a blob its name in a snapshot and notes where `main` is. Raises OutputError."""
        snapshot = commit or digest[:_COMMIT_DIGITS]
        pointer = self.folder / "snapshots" / snapshot / file
        pointer.parent.mkdir(parents=True, exist_ok=True)
        _link(self.blob(digest), pointer)
        if commit or not self.commit():
            write_bytes(self.folder / "refs" / "main", snapshot.encode())
        return pointer

    @contextmanager
    def locked(self, key: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Keeps other processes, and other tools, from a blob. As `holding`."""
        with holding(self.cache / ".locks" / self.folder.name / f"{key}.lock", waiting):
            yield


def _link(blob: Path, pointer: Path) -> None:
    """A relative symbolic link; where there are none, the file itself moves, as the hub's own client does."""
    temporary = pointer.with_name(f".{pointer.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(os.path.relpath(blob, pointer.parent))
    except (OSError, NotImplementedError):
        blob.replace(pointer)
        return
    temporary.replace(pointer)


def tidy(repo: Repo) -> None:
    """Takes a repository's folders away if nothing ever came into them."""
    with suppress(OSError):
        (repo.folder / "blobs").rmdir()
        repo.folder.rmdir()


def digest_of(pointer: Path) -> Digest | None:
    """What the cache says that a file's bytes are: its blob's name. None where there are no links."""
    return from_etag(pointer.resolve().name) if pointer.is_symlink() else None


def repos(cache: Path) -> Iterator[Repo]:
    """Every model repository in a cache, by name."""
    with suppress(OSError):
        for folder in sorted(cache.iterdir()):
            if folder.name.startswith(PREFIX) and folder.is_dir():
                yield Repo(cache, folder.name.removeprefix(PREFIX).replace("--", "/", 1))


def discard(pointer: Path, repo: Repo) -> None:
    """Takes a file out of a snapshot, its blob unless another snapshot needs it, and empty folders."""
    blob = pointer.resolve()
    pointer.unlink(missing_ok=True)
    others = (path for path in (repo.folder / "snapshots").rglob("*") if path.is_symlink())
    if blob.parent == repo.blob("x").parent.resolve() and blob not in {path.resolve() for path in others}:
        blob.unlink(missing_ok=True)
    _drop_empty(pointer.parent, repo)


def _drop_empty(folder: Path, repo: Repo) -> None:
    """Folders without a file, up to and with the repository's own."""
    with suppress(OSError):
        while folder != repo.folder:
            folder.rmdir()
            folder = folder.parent
    holds = [path for path in repo.folder.rglob("*") if path.is_symlink() or path.is_file()]
    if all(path.parent.name == "refs" for path in holds):
        shutil.rmtree(repo.folder, ignore_errors=True)

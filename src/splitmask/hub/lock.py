"""One process at a time, by locks that the system lets go of when their holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from splitmask.errors import ModelError


@contextmanager
def holding(file: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Waits until no other process holds the lock, and holds it for the block.

    waiting: called once if another one has it. Raises ModelError where the folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(file, waiting)
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(
            f"cannot write {file.parent}: {reason}; name another folder by HF_HUB_CACHE"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquired(file: Path, waiting: Callable[[], None] | None) -> BaseFileLock:
    lock: BaseFileLock = FileLock(file, mode=0o664)  # a cache may be shared by a group, as the hub's is
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if waiting:
            waiting()
        lock.acquire()
    except NotImplementedError:  # a file system without flock
        lock = SoftFileLock(file)
        lock.acquire()
    return lock

"""Results of tracked frames on disk, so that memory stays flat in the clip's length.

Per object and frame: the low-resolution logits (half precision, the two bytes of each number in
separate planes, deflated), the pointer, presence, score and, as run lengths, the mask. Past the cap
the oldest logits go first; the run lengths stay, and what is asked for again comes from them.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.errors import OutputError
from splitmask.masks import rle
from splitmask.masks.rle import Rle
from splitmask.session.choice import MASK_PROMPT_LOGIT, Output
from splitmask.types import FloatArray

DEFAULT_CAP = 2 << 30  # bytes of logits: about 95,000 masks of `nano`

_TABLE = """
CREATE TABLE results (
  object INTEGER, frame INTEGER, written INTEGER UNIQUE, presence REAL, score REAL,
  side INTEGER, rle TEXT, pointer BLOB, logits BLOB, PRIMARY KEY (object, frame)
)
"""
_OLDEST = "SELECT written, LENGTH(logits) FROM results WHERE logits IS NOT NULL ORDER BY written LIMIT 1"
_AGE = "CREATE INDEX age ON results (written) WHERE logits IS NOT NULL"


def pack_logits(logits: FloatArray) -> bytes:
    """(M, M) → deflated half-precision bytes, all high bytes before all low ones."""
    halves = logits.astype("<f2").view(np.uint8).reshape(-1, 2)
    return zlib.compress(halves.T.tobytes(), 1)


def unpack_logits(data: bytes, side: int) -> FloatArray:
    """The inverse of `pack_logits`, (side, side), to half precision."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(2, -1)
    return planes.T.copy().view("<f2").reshape(side, side).astype(np.float32)


class ResultStore:
    """One session's results. Not locked: the session that owns it is.

    directory: where to make its folder, the system's temporary one by default; the folder is removed
    by `close`, or when the store is dropped. Raises OutputError where it cannot be written.
    """

    def __init__(self, directory: Path | None = None, cap: int = DEFAULT_CAP) -> None:
        self.cap = cap
        self._bytes = 0
        self._written = 0
        with _disk_errors(directory):
            folder = tempfile.mkdtemp(prefix="splitmask-", dir=directory)
            # autocommit; the journal need not outlive the process, as the results don't
            self._db = sqlite3.connect(
                Path(folder) / "results.db", isolation_level=None, check_same_thread=False
            )
            self.close = weakref.finalize(self, _remove, self._db, folder)
            for statement in ("PRAGMA journal_mode=MEMORY", "PRAGMA synchronous=OFF", _TABLE, _AGE):
                self._db.execute(statement)
        self._folder = folder

    @property
    def bytes_held(self) -> int:
        """Of logits, deflated."""
        return self._bytes

    def put(self, object_id: int, frame: int, output: Output) -> None:
        """Keeps a result, in place of what there was of that object and frame."""
        data = pack_logits(output.logits)
        mask = rle.encode(output.logits > 0).counts
        self._written += 1
        pointer = np.ascontiguousarray(output.pointer, "<f4").tobytes()
        key = object_id, frame, self._written
        row = (*key, output.presence, output.score, len(output.logits), mask, pointer, data)
        with _disk_errors(Path(self._folder)):
            before = self._size("object = ? AND frame = ?", object_id, frame)
            self._db.execute(f"INSERT OR REPLACE INTO results VALUES ({', '.join('?' * len(row))})", row)
            self._bytes += len(data) - before
            self._trim()

    def get(self, object_id: int, frame: int) -> Output | None:
        """The result, its logits to half precision, or ±10 where the cap has taken them."""
        row = self._row("side, rle, pointer, logits, score, presence", object_id, frame)
        if row is None:
            return None
        side, counts, pointer, data, score, presence = row
        if data is None:
            mask = rle.decode(Rle((side, side), counts))
            logits = np.where(mask, MASK_PROMPT_LOGIT, -MASK_PROMPT_LOGIT).astype(np.float32)
        else:
            logits = unpack_logits(data, side)
        return Output(logits, np.frombuffer(pointer, "<f4").copy(), score, presence)

    def pointer(self, object_id: int, frame: int) -> FloatArray | None:
        """(c,) of a result, exactly as it was put."""
        row = self._row("pointer", object_id, frame)
        return None if row is None else np.frombuffer(row[0], "<f4").copy()

    def drop(self, object_id: int, frame: int | None = None) -> None:
        """Forgets one result of an object, or all of them."""
        where, values = "object = ?", [object_id]
        if frame is not None:
            where, values = "object = ? AND frame = ?", [object_id, frame]
        self._bytes -= self._size(where, *values)
        self._db.execute(f"DELETE FROM results WHERE {where}", values)

    def _row(self, columns: str, object_id: int, frame: int) -> tuple[Any, ...] | None:
        query = f"SELECT {columns} FROM results WHERE object = ? AND frame = ?"
        return self._db.execute(query, (object_id, frame)).fetchone()  # type: ignore[no-any-return]

    def _size(self, where: str, *values: int) -> int:
        query = f"SELECT COALESCE(SUM(LENGTH(logits)), 0) FROM results WHERE {where}"
        return int(self._db.execute(query, values).fetchone()[0])

    def _trim(self) -> None:
        while self._bytes > self.cap:
            oldest, size = self._db.execute(_OLDEST).fetchone()
            self._db.execute("UPDATE results SET logits = NULL WHERE written = ?", (oldest,))
            self._bytes -= size


def _remove(db: sqlite3.Connection, folder: str) -> None:
    db.close()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _disk_errors(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        where = folder or Path(tempfile.gettempdir())
        raise OutputError(
            f"cannot keep results in {where}: {error}; free some space or give the session another folder"
        ) from error

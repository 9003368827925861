"""What a file's bytes are known by: sha256, or git's sha1 for the small files that the hub keeps in git."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from splitmask.errors import ModelError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """A hash as 64 (sha256) or 40 (git's sha1 of a blob) hexadecimal digits."""

    value: str

    @property
    def kind(self) -> str:
        return "sha256" if len(self.value) == 64 else "git sha1"

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def of(self, path: Path) -> Digest:
        """The digest of this kind that a file has. Raises ModelError if it cannot be read."""
        try:
            with path.open("rb") as file:
                if self.kind == "sha256":
                    return Digest(hashlib.file_digest(file, "sha256").hexdigest())
                size = os.fstat(file.fileno()).st_size
                hasher = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
                while chunk := file.read(_CHUNK):
                    hasher.update(chunk)
                return Digest(hasher.hexdigest())
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def from_etag(etag: str | None) -> Digest | None:
    """The digest that an ETag of the hub is; None for those of other servers."""
    text = (etag or "").removeprefix("W/").strip('"')
    return Digest(text) if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", text) else None


def sha256(path: Path) -> str:
    """Raises ModelError if the file cannot be read."""
    return Digest("0" * 64).of(path).value

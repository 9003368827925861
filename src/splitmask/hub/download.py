"""Bytes from a host into a partial file: gone on with where it stopped, and held to their hash at the end.

No length that a host tells is trusted: it may stop early, send too much, or ignore the range.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from splitmask.hub import disk
from splitmask.hub.digests import Digest, sha256
from splitmask.hub.http import (
    HostError,
    Patience,
    Response,
    TemporaryError,
    UnansweredError,
    faults,
    requested,
)
from splitmask.hub.settings import Settings

_CHUNK = 1 << 18
_ENOUGH = 1 << 16  # bytes that count as getting further

Watch = Callable[[int, int | None], None]  # (bytes here, bytes in all or None)


@dataclass(frozen=True, slots=True)
class Offer:
    """A file as a host has it. size, digest: what must come, None where nobody knows."""

    url: str
    file: str
    size: int | None = None
    digest: Digest | None = None
    commit: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> str:
        """What the partial file and the lock are named by."""
        return self.digest.value if self.digest else hashlib.sha256(self.url.encode()).hexdigest()


def download(offer: Offer, partial: Path, settings: Settings, watch: Watch) -> str:
    """Fills a partial file until it is what was offered. Returns the digest to name it by.

    A part that is there is gone on with; if the whole then has the wrong hash, it is fetched once more from
    its beginning. Raises HostError, with a wrong file removed; ModelError for a full disk, the part kept.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    resumed = size_of(partial) > 0
    _fill(offer, partial, settings, watch)
    partial.touch()  # an empty file was never written to
    found = offer.digest.of(partial) if offer.digest else Digest(sha256(partial))
    if offer.digest in (None, found):
        return found.value
    partial.unlink()
    if resumed:
        return download(offer, partial, settings, watch)
    raise HostError(f"sent {offer.file} with {found} instead of {offer.digest}, which was removed")


def _fill(offer: Offer, partial: Path, settings: Settings, watch: Watch) -> None:
    patience = Patience(settings.retries, settings.backoff)
    began = size_of(partial)
    while True:
        before = size_of(partial)
        try:
            if _attempt(offer, partial, settings.timeout, watch):
                return
            fault = TemporaryError(f"ended {offer.file} after {size_of(partial):,} bytes")
        except TemporaryError as error:
            fault = error
        except UnansweredError as error:
            if size_of(partial) <= began:
                raise
            fault = TemporaryError(str(error))  # it was there a moment ago
        patience.after(fault, further=size_of(partial) - before >= _ENOUGH)


def _attempt(offer: Offer, partial: Path, timeout: float, watch: Watch) -> bool:
    """One request. Whether all is there now."""
    start = size_of(partial)
    if offer.size is not None and start >= offer.size:
        if start == offer.size:
            return True
        start = _empty(partial)
    headers = dict(offer.headers)
    if start:
        headers["Range"] = f"bytes={start}-"
    with requested(offer.url, headers, timeout) as response:
        if response.status == 416:
            return _is_end(response, start, offer) or _begin_again(partial)
        start = _start_of(response, start, partial)
        body = _length(response)
        total = offer.size if offer.size is not None else (start + body if body is not None else None)
        if total is None and offer.digest is None:
            raise HostError(f"tells neither size nor hash of {offer.file}")
        disk.require_space(partial.parent, (total or start) - start, offer.file)
        _Body(response, body, start, total, offer.file).write_to(partial, watch)
    return total is None or size_of(partial) == total


def _start_of(response: Response, start: int, partial: Path) -> int:
    """Where in the file the answer begins. A host that ignores ranges sends all of it again."""
    if response.status == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if found and int(found[1]) == start:
            return start
        _empty(partial)
        raise TemporaryError("answers another range than was asked for")
    if response.status != 200:
        raise HostError(f"answers {response.status} {response.reason}")
    if response.headers.get_content_type() == "text/html":
        raise HostError("answers with a web page instead of a file: is there a login to this network?")
    return _empty(partial) if start else 0


def _is_end(response: Response, start: int, offer: Offer) -> bool:
    """Whether 416 means that nothing is left to send. What is missed then shows in the hash."""
    return offer.size is None and response.headers.get("Content-Range") == f"bytes */{start}"


def _begin_again(partial: Path) -> bool:
    _empty(partial)
    raise TemporaryError("does not go on where the download stopped")


@dataclass(slots=True)
class _Body:
    """An answer's bytes, written as they come, so that a stop loses none of them."""

    response: Response
    left: int | None  # of the answer, as told
    at: int  # where in the file it begins
    total: int | None  # what the file may have at most
    name: str

    def write_to(self, path: Path, watch: Watch) -> None:
        with disk.writing(path, self.name) as file:
            watch(self.at, self.total)
            while chunk := self._next():
                disk.append(file, chunk, path, self.name)
                watch(self.at, self.total)

    def _next(self) -> bytes:
        if self.left == 0:
            return b""
        with faults():
            chunk = self.response.read1(_CHUNK if self.left is None else min(_CHUNK, self.left))
        self.at += len(chunk)
        self.left = None if self.left is None else self.left - len(chunk)
        if self.total is not None and self.at > self.total:
            raise HostError(f"sends more than the {self.total:,} bytes of {self.name}")
        return chunk


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _empty(partial: Path) -> int:
    partial.unlink(missing_ok=True)
    return 0


def _length(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and not response.chunked else None

"""Who has model files: the hub (or a mirror of it, which answers alike) and plain hosts such as Meta's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from splitmask.hub.digests import Digest, from_etag
from splitmask.hub.download import Offer
from splitmask.hub.http import HostError, persistently, requested
from splitmask.hub.settings import META, Settings
from splitmask.presets import Preset

_LICENCE = "license:"  # what the tag that names it begins with
_LONGEST_LISTING = 8 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a repository. digest, size: what is known of it before anyone is asked.

    snapshot: where in the cache it belongs if the host does not know of commits.
    """

    repo: str
    file: str
    digest: Digest | None = None
    size: int | None = None
    revision: str = "main"
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Of a repository: its files' names, and its licence as the hub writes it, empty if it has none."""

    files: list[str]
    licence: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A folder on a web server that holds the file."""

    base: str

    @property
    def label(self) -> str:
        return urlsplit(self.base).netloc

    def offer(self, wanted: Wanted, settings: Settings) -> Offer:
        return Offer(f"{self.base}/{quote(wanted.file)}", wanted.file, wanted.size, wanted.digest)


@dataclass(frozen=True, slots=True)
class Hub:
    """The Hugging Face hub's protocol. `label`: its host."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        return urlsplit(self.endpoint).netloc

    def offer(self, wanted: Wanted, settings: Settings) -> Offer:
        """Asks the hub what the file is: its hash, size and commit. Raises HostError."""
        url = f"{self.endpoint}/{wanted.repo}/resolve/{wanted.revision}/{quote(wanted.file)}"

        def ask() -> Mapping[str, str]:
            with requested(url, self.headers, settings.timeout, "HEAD", elsewhere=False) as response:
                return dict(response.headers.items()) | {"status": str(response.status)}

        told = {name.lower(): value for name, value in self._patiently(ask, settings).items()}
        digest = from_etag(told.get("x-linked-etag") or told.get("etag"))
        if wanted.digest and digest and digest.kind == wanted.digest.kind and digest != wanted.digest:
            raise HostError(f"has {wanted.file} with {digest} instead of {wanted.digest}")
        size = told.get("x-linked-size") or (told.get("content-length") if told["status"] == "200" else None)
        return Offer(
            url,
            wanted.file,
            wanted.size or (int(size) if size and size.isdecimal() else None),
            wanted.digest or digest,
            _commit(told.get("x-repo-commit", "")),
            self.headers,
        )

    def listing(self, repo: str, settings: Settings) -> Listing:
        """What is in a repository. Raises HostError."""

        def ask() -> Any:
            url = f"{self.endpoint}/api/models/{repo}"
            with requested(url, self.headers, settings.timeout) as response:
                try:
                    return json.loads(response.read(_LONGEST_LISTING))
                except ValueError as error:
                    raise HostError(f"sends no list of the files of {repo}") from error

        told = self._patiently(ask, settings)
        try:
            tags = [str(tag) for tag in told.get("tags") or ()]
            licence = next((tag for tag in tags if tag.startswith(_LICENCE)), "").removeprefix(_LICENCE)
            return Listing([str(each["rfilename"]) for each in told["siblings"]], licence)
        except (KeyError, TypeError, AttributeError) as error:
            raise HostError(f"sends no list of the files of {repo}") from error

    def _patiently(self, ask: Any, settings: Settings) -> Any:
        return persistently(ask, settings.retries, settings.backoff)


def _commit(text: str) -> str:
    """It will name a folder: anything but 40 hexadecimal digits is as good as none."""
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else ""


Host = Plain | Hub


def hub(endpoint: str, token: str) -> Hub:
    return Hub(endpoint, {"Authorization": f"Bearer {token}"} if token else {})


def meta(preset: Preset) -> Plain:
    return Plain(f"{META}/{preset.release}")

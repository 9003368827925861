"""A model's name → its files on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from typing import Literal, Protocol

from splitmask.errors import ModelError
from splitmask.hub import folders, hosts, marks, names, store
from splitmask.hub.digests import Digest
from splitmask.hub.disk import in_words, readable
from splitmask.hub.download import Offer, download, size_of
from splitmask.hub.hosts import Host, Hub, Listing, Wanted
from splitmask.hub.http import HostError
from splitmask.hub.layout import Repo, discard, tidy
from splitmask.hub.settings import Settings, from_environment, host_url
from splitmask.presets import Preset

Origin = Literal["auto", "hub", "meta"]


class Watcher(Protocol):
    """Is told how a pull goes."""

    def progress(self, file: str, done: int, total: int | None) -> None:
        """done, total: bytes."""

    def note(self, text: str) -> None:
        """A line for a person to read."""


class Silent:
    def progress(self, file: str, done: int, total: int | None) -> None: ...
    def note(self, text: str) -> None: ...


def pull(
    name: str,
    *,
    origin: Origin = "auto",
    mirror: str = "",
    base_url: str = "",
    offline: bool = False,
    watcher: Watcher | None = None,
    settings: Settings | None = None,
) -> Path:
    """Fetches a model unless it is here, and returns where: a checkpoint, or a folder with graphs.json.

    name: an official model, or OWNER/REPO on the hub. origin: `hub`, `meta`, or one after the other.
    mirror: a server that answers like the hub, instead of it. base_url: a folder of any web server that
    has the official file, instead of both. settings: by default those of the environment.
    A stopped pull goes on where it was; several processes may pull at once, and one of them fetches.
    Raises ModelError, one line with what each host said.
    """
    settings = settings or from_environment()
    if offline:
        settings = replace(settings, offline="--offline")
    if mirror:
        settings = replace(settings, endpoint=host_url(mirror, "a mirror"))
    run = _Pull(settings, watcher or Silent())
    preset = names.official(name)
    if preset is None and base_url:
        raise ModelError(f"a base URL is for official models, not for {name!r}")
    if preset is not None:
        return run.official(preset, list(_hosts(preset, settings, origin, base_url)))
    if store.read(settings.home, name) or name == names.EMBEDDED:
        return names.resolve(name)
    if not names.is_repository(name):
        raise names.unknown(name)
    return run.repository(Repo(settings.cache, name))


def _hosts(preset: Preset, settings: Settings, origin: Origin, base_url: str) -> Iterator[Host]:
    if base_url:
        yield hosts.Plain(host_url(base_url, "a base URL"))
        return
    if origin in ("auto", "hub"):
        yield hosts.hub(settings.endpoint, settings.token)
    if origin in ("auto", "meta"):
        yield hosts.meta(preset)


@dataclass(frozen=True, slots=True)
class _Pull:
    settings: Settings
    watcher: Watcher

    def official(self, preset: Preset, candidates: Sequence[Host]) -> Path:
        repo = Repo(self.settings.cache, preset.hub)
        found = repo.find(preset.checkpoint)
        if found and preset.size not in (0, size_of(found)):
            self.watcher.note(f"{found} is not whole: it is fetched again")
            discard(found, repo)
            found = None
        wanted = Wanted(repo.name, preset.checkpoint, Digest(preset.sha256), preset.size or None)
        return found or self._fetch(repo, wanted, candidates)

    def repository(self, repo: Repo) -> Path:
        if found := names.in_cache(repo):
            return found
        self._require_network(repo.name)
        host = hosts.hub(self.settings.endpoint, self.settings.token)
        listing = self._listing(host, repo)
        wanted = Wanted(repo.name, folders.choose(listing.files, f"{host.label}/{repo.name}"))
        main = self._fetch(repo, wanted, [host])
        if main.name == folders.GRAPHS:
            for each in _graphs(repo, main.parent, listing.files):
                self._fetch(repo, each, [host])
        marks.mark(self.settings.home, repo, listing.licence)
        return names.main_of(main.parent, main.name)

    def _listing(self, host: Hub, repo: Repo) -> Listing:
        try:
            return host.listing(repo.name, self.settings)
        except HostError as fault:
            raise ModelError(f"cannot pull {repo.name}: {host.label} {fault}") from fault

    def _require_network(self, name: str) -> None:
        if self.settings.offline:
            raise ModelError(
                f"{name} is not on this machine, and {self.settings.offline} forbids to fetch it: "
                "allow it, or run `splitmask models import FILE`"
            )

    def _fetch(self, repo: Repo, wanted: Wanted, candidates: Sequence[Host]) -> Path:
        """Raises ModelError with what each host said."""
        self._require_network(wanted.file)
        said: dict[str, list[str]] = {}
        for host in candidates:
            try:
                return self._install(repo, wanted, host.offer(wanted, self.settings), host)
            except HostError as fault:
                said.setdefault(str(fault), []).append(host.label)
                if host is not candidates[-1]:
                    self.watcher.note(f"{host.label} {fault}; trying the next host")
        tidy(repo)
        kept = size_of(repo.partial(wanted.digest.value)) if wanted.digest else 0
        on = f"pull again to go on after the {readable(kept)} that came" if kept else "try again"
        reasons = "; ".join(f"{' and '.join(labels)} {fault}" for fault, labels in said.items())
        raise ModelError(
            f"cannot pull {wanted.file}: {reasons}; {on}, name another host by --mirror, "
            "or get the file elsewhere and run `splitmask models import FILE`"
        )

    def _install(self, repo: Repo, wanted: Wanted, offer: Offer, host: Host) -> Path:
        def waiting() -> None:
            self.watcher.note(f"another process is at {wanted.file}: waiting for it")

        commit = offer.commit or wanted.snapshot
        with repo.locked(offer.key, waiting), in_words(repo.blob(offer.key), wanted.file):
            if found := _there(repo, offer, wanted.file, commit):
                return found
            self.watcher.note(f"{wanted.file} from {host.label}")
            watch = bound(self.watcher.progress, wanted.file)
            digest = download(offer, repo.partial(offer.key), self.settings, watch)
            return repo.install(repo.partial(offer.key), digest, commit, wanted.file)


def _there(repo: Repo, offer: Offer, file: str, commit: str) -> Path | None:
    """A file whose bytes came before, from another process or tool; a blob that is damaged is removed."""
    if offer.digest is None:
        return None
    blob, moved = repo.blob(offer.digest.value), repo.find(file)
    if blob.is_file() and offer.digest.of(blob) == offer.digest:
        return repo.link(blob.name, commit, file)
    if moved and not moved.is_symlink() and offer.digest.of(moved) == offer.digest:
        return moved  # where there are no links
    blob.unlink(missing_ok=True)
    return None


def _graphs(repo: Repo, snapshot: Path, listing: Sequence[str]) -> Iterator[Wanted]:
    """The files that graphs.json names, and those that may be beside it, of the same commit."""
    commit = snapshot.name
    revision = commit if commit == repo.commit() and len(commit) == 40 else "main"
    for name, (size, digest) in folders.read_graphs(snapshot).files.items():
        yield Wanted(repo.name, name, Digest(digest), size, revision, commit)
    for name in folders.BESIDE:
        if name in listing:
            yield Wanted(repo.name, name, None, None, revision, commit)

"""Models that are here: are their bytes what they should be, and away with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from splitmask.errors import ModelError
from splitmask.hub import folders, marks, names, store
from splitmask.hub.digests import Digest
from splitmask.hub.disk import in_words
from splitmask.hub.download import size_of
from splitmask.hub.inventory import Entry, entry
from splitmask.hub.layout import Repo, digest_of, discard
from splitmask.hub.settings import Settings, from_environment
from splitmask.presets import Preset


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and its digest. expected: None where nothing says what it should be."""

    path: Path
    found: Digest
    expected: Digest | None

    @property
    def right(self) -> bool:
        return self.expected in (None, self.found)


def verify(name: str) -> list[Checked]:
    """Reads every file of a model and compares it with the hash that it should have.

    Raises ModelError for an unknown model, one that is not here, or a file that cannot be read.
    """
    about = entry(name)
    if about.path is None:
        raise ModelError(f"{name} is not on this machine: run `splitmask models pull {name}`")
    return [_check(path, expected) for path, expected in _expected(about, from_environment())]


def wrong(name: str, checked: Checked) -> ModelError:
    """What to say of a file that is not what it should be."""
    again = f"run `splitmask models remove {name}`, then pull or import it again"
    advice = "reinstall splitmask" if name == names.EMBEDDED else again
    return ModelError(f"{checked.path} is damaged: it has {checked.found}, not {checked.expected}: {advice}")


def remove(name: str) -> int:
    """Deletes a model's files, and what a stopped pull left. Returns the bytes that were freed.

    In the hub's cache only the model's own files go. Raises ModelError if there is nothing to remove.
    """
    settings, preset = from_environment(), names.official(name)
    if name == names.EMBEDDED:
        raise ModelError(f"{name} comes with splitmask and cannot be removed")
    if kept := store.read(settings.home, name):
        store.remove(settings.home, name)
        return kept.bytes
    if preset is None and not names.is_repository(name):
        raise names.unknown(name)
    repo = Repo(settings.cache, preset.hub if preset else name)
    files = _cached(repo, preset)
    if not files:
        raise ModelError(f"{name} is not on this machine: there is nothing to remove")
    freed = sum(size_of(file) for file in files)
    with repo.locked(preset.sha256 if preset else "remove"), in_words(repo.folder, name):
        for file in files:
            discard(file, repo)
        marks.unmark(settings.home, repo)
    return freed


def _cached(repo: Repo, preset: Preset | None) -> list[Path]:
    """A model's files in the cache, and those that are on the way."""
    if preset:
        found = repo.find(preset.checkpoint)
        return [path for path in (found, repo.partial(preset.sha256)) if path and path.exists()]
    partial = [path for path in repo.folder.glob("blobs/*.incomplete") if path.name.count(".") == 1]
    path = names.in_cache(repo)
    if path is None or path.is_file():
        return [*partial, *([path] if path else [])]
    beside = [path / file for file in folders.BESIDE if (path / file).exists()]
    graphs = [path / file for file in folders.read_graphs(path).files]
    return [*partial, *graphs, *beside, path / folders.GRAPHS]


def _check(path: Path, expected: Digest | None) -> Checked:
    return Checked(path, (expected or Digest("0" * 64)).of(path), expected)


def _expected(about: Entry, settings: Settings) -> Iterator[tuple[Path, Digest | None]]:
    path = Path(about.path or "")
    if about.kind == "imported":
        kept = store.read(settings.home, about.name)
        for file, digest in (kept.files if kept else {}).items():
            yield store.folder_of(settings.home, about.name) / file, Digest(digest)
    elif path.is_dir():
        for file, (_, digest) in folders.read_graphs(path).files.items():
            yield path / file, Digest(digest)
        if about.kind == "embedded":
            yield path / f"{about.name}.safetensors", Digest(about.sha256 or "")
    else:
        yield path, Digest(about.sha256) if about.sha256 else digest_of(path)

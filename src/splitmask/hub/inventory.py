"""Every model that has a name here, and what is known of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from splitmask.errors import ModelError
from splitmask.hub import folders, marks, names, store
from splitmask.hub.download import size_of
from splitmask.hub.layout import Repo, digest_of, repos
from splitmask.hub.settings import Settings, from_environment
from splitmask.presets import PRESETS, Preset

_PRESET_KEY = "splitmask.preset"  # in the metadata of a safetensors file
_LONGEST_HEADER = 100 << 20

Kind = Literal["embedded", "official", "repository", "imported"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model. What is not known is None; `path` is None where it is not on this machine."""

    name: str
    kind: Kind
    form: Literal["graphs", "checkpoint"]
    preset: str | None
    parameters: int | None
    image_size: int | None  # side of the square that a frame is stretched to
    licence: str | None
    repository: str | None  # on the Hugging Face hub
    checkpoint: str | None  # the file's name
    download_bytes: int | None
    path: str | None
    bytes: int | None  # on disk
    partial_bytes: int  # of a pull that was stopped
    sha256: str | None  # of the weights


def entries() -> list[Entry]:
    """The embedded model first, then the official ones, repositories in the cache, imported models."""
    settings = from_environment()
    found = [_embedded()]
    found += [_official(preset, settings) for preset in PRESETS.values() if preset.hub]
    found += _repositories(settings)
    found += [_imported(each, settings) for each in store.everything(settings.home)]
    return found


def entry(name: str) -> Entry:
    """Raises ModelError, naming the nearest, if there is no such model."""
    preset = names.official(name)
    for each in entries():
        if each.name == (preset.name if preset else name):
            return each
    if names.is_repository(name):
        raise ModelError(f"{name} is not on this machine: run `splitmask models pull {name}`")
    raise names.unknown(name)


def _embedded() -> Entry:
    folder, preset = names.embedded_folder(), PRESETS[names.EMBEDDED]
    weights = folder / f"{preset.name}.safetensors"
    return Entry(
        name=preset.name,
        kind="embedded",
        form="graphs",
        preset=preset.name,
        parameters=count_parameters(weights),
        image_size=preset.image_size,
        licence=preset.licence,
        repository=None,
        checkpoint=weights.name,
        download_bytes=None,
        path=str(folder),
        bytes=sum(file.stat().st_size for file in folder.iterdir()),
        partial_bytes=0,
        sha256=folders.read_graphs(folder).weights_sha256,
    )


def _official(preset: Preset, settings: Settings) -> Entry:
    repo = Repo(settings.cache, preset.hub)
    path = repo.find(preset.checkpoint)
    return Entry(
        name=preset.name,
        kind="official",
        form="checkpoint",
        preset=preset.name,
        parameters=preset.parameters,
        image_size=preset.image_size,
        licence=preset.licence,
        repository=preset.hub,
        checkpoint=preset.checkpoint,
        download_bytes=preset.size or None,
        path=str(path) if path else None,
        bytes=size_of(path) if path else None,
        partial_bytes=0 if path else size_of(repo.partial(preset.sha256)),
        sha256=preset.sha256,
    )


def _repositories(settings: Settings) -> Iterator[Entry]:
    official = {preset.hub for preset in PRESETS.values()}
    for repo in repos(settings.cache):
        if repo.name not in official and (path := names.in_cache(repo)) and _is_ours(repo, path, settings):
            digest = None if path.is_dir() else digest_of(path)
            entry = _of_path(
                repo.name, "repository", path, _preset_in(path), digest.value if digest else None
            )
            yield replace(entry, licence=marks.licence(settings.home, repo), repository=repo.name)


def _is_ours(repo: Repo, path: Path, settings: Settings) -> bool:
    """Whether it was pulled by splitmask or is a model of its kind: caches hold much else."""
    return marks.is_marked(settings.home, repo) or path.is_dir() or _preset_in(path) != ""


def _imported(kept: store.Imported, settings: Settings) -> Entry:
    path = names.main_of(store.folder_of(settings.home, kept.name), kept.main)
    entry = _of_path(kept.name, "imported", path, kept.preset, kept.files.get(kept.main))
    return replace(entry, bytes=kept.bytes)


def _of_path(name: str, kind: Kind, path: Path, preset_name: str, sha256: str | None) -> Entry:
    files = [path]
    with suppress(ModelError):  # what is damaged is listed too, and `verify` tells
        if path.is_dir():
            graphs = folders.read_graphs(path)
            preset_name, sha256 = graphs.preset, graphs.weights_sha256
            files = [path / folders.GRAPHS, *(path / file for file in graphs.files)]
    preset = PRESETS.get(preset_name)
    return Entry(
        name=name,
        kind=kind,
        form="graphs" if path.is_dir() else "checkpoint",
        preset=preset_name or None,
        parameters=(preset.parameters or None) if preset else None,
        image_size=preset.image_size if preset else None,
        licence=None,
        repository=None,
        checkpoint=None if path.is_dir() else path.name,
        download_bytes=None,
        path=str(path),
        bytes=sum(size_of(file) for file in files),
        partial_bytes=0,
        sha256=sha256,
    )


def _preset_in(path: Path) -> str:
    """The preset that a safetensors file names in its metadata; empty for all else."""
    metadata = _header(path).get("__metadata__") if path.suffix == ".safetensors" else None
    return str(metadata.get(_PRESET_KEY, "")) if isinstance(metadata, dict) else ""


def count_parameters(path: Path) -> int:
    """Numbers in a safetensors file, from its header."""
    tensors = (tensor for name, tensor in _header(path).items() if name != "__metadata__")
    return sum(math.prod(tensor["shape"]) for tensor in tensors)


def _header(path: Path) -> dict[str, Any]:
    """Of a safetensors file: eight bytes of length, then JSON. Empty for what is none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            content = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}

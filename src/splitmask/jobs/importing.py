"""A file or folder that came by other ways → a model with a name."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from splitmask.engine.graphs import FILE as GRAPHS
from splitmask.engine.graphs import read_graphs
from splitmask.errors import ModelError
from splitmask.hub import disk, folders, settings, store
from splitmask.hub.digests import sha256
from splitmask.hub.inventory import Entry, entry
from splitmask.hub.layout import Repo
from splitmask.presets import PRESETS, Preset


def import_model(source: str | Path, name: str = "") -> Entry:
    """Checks a checkpoint, or a folder of graphs, and keeps a copy under a name.

    name: by default that of the file or folder; official checkpoints, known by their hash, have theirs.
    Raises ModelError for what is no model (which keys do not fit), a wrong hash, a name that is taken or
    no room.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise ModelError(f"there is no file or folder {path} to import")
    if path.name == GRAPHS:
        path = path.parent
    if path.is_dir():
        main = folders.choose([file.name for file in path.iterdir()], path)
        if main == GRAPHS:
            return _import_graphs(path, name)
        path = path / main
    digest = sha256(path)
    official = next((preset for preset in PRESETS.values() if preset.sha256 == digest), None)
    if official:
        return _import_official(path, official, name)
    return _import_checkpoint(path, name)


def _import_graphs(folder: Path, name: str) -> Entry:
    made = read_graphs(folder)
    sources = {GRAPHS: folder / GRAPHS} | {graph.file: folder / graph.file for graph in made.graphs.values()}
    for graph in made.graphs.values():
        found = sha256(folder / graph.file)
        if found != graph.sha256:
            damage = f"it has sha256 {found}, not {graph.sha256}"
            raise ModelError(f"{folder / graph.file} is damaged: {damage}: export the model again")
    weights = f"{made.preset.name}.safetensors"  # what the torch engine takes, where it is packaged too
    for beside in (weights, *folders.BESIDE):
        if (folder / beside).is_file():
            sources[beside] = folder / beside
    name = name or folder.resolve().name
    store.add(settings.home_folder(), name, made.preset.name, sources, GRAPHS)
    return entry(name)


def _import_official(path: Path, preset: Preset, name: str) -> Entry:
    """Where a pull would have put it, so that other tools find it too."""
    if name not in ("", preset.name):
        raise ModelError(f"{path} is the official {preset.name}: import it without --name")
    repo = Repo(settings.cache_folder(), preset.hub)
    part, size = repo.partial(preset.sha256), path.stat().st_size
    with repo.locked(preset.sha256), disk.in_words(part, preset.checkpoint):
        if not repo.find(preset.checkpoint):
            part.parent.mkdir(parents=True, exist_ok=True)
            disk.require_space(part.parent, size, preset.checkpoint)
            shutil.copyfile(path, part)
            repo.install(part, preset.sha256, "", preset.checkpoint)
    return entry(preset.name)


def _import_checkpoint(path: Path, name: str) -> Entry:
    if find_spec("torch") is None:
        raise ModelError(
            f"{path} is not one of the official files, and checking what it is needs torch: "
            'pip install "splitmask[torch]"'
        )
    from splitmask.model.weights import load_state

    store.check_name(name := name or path.stem)
    preset, _ = load_state(path)
    store.add(settings.home_folder(), name, preset.name, {path.name: path}, path.name)
    return entry(name)

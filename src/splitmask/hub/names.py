"""What a model's name stands for: official models, repositories of the hub, and what was imported.

A name is looked up in this order: official names, then files and folders, then imported models, then
OWNER/REPO in the hub's cache.
"""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path

from splitmask.errors import ModelError
from splitmask.hub import folders, settings, store
from splitmask.hub.layout import Repo
from splitmask.presets import PRESETS, Preset

EMBEDDED = "nano"
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")
_FILES = (".pt", ".pth", ".safetensors", ".onnx", ".json", ".zip")


def locate(name: str | Path) -> Path | None:
    """Where a model is on this machine: a checkpoint, or a folder with graphs.json. None if it is not.

    Nothing is fetched. Raises ModelError for a name or path that cannot be a model's.
    """
    text = str(name)
    if text == EMBEDDED:
        return embedded_folder()
    if preset := official(text):
        return Repo(settings.cache_folder(), preset.hub).find(preset.checkpoint)
    if text.strip() and (path := Path(name).expanduser()).exists():
        return path
    if kept := store.read(settings.home_folder(), text):
        return main_of(store.folder_of(settings.home_folder(), text), kept.main)
    if not is_repository(text):
        raise unknown(text)
    return in_cache(Repo(settings.cache_folder(), text))


def resolve(name: str | Path, pull: bool = False) -> Path:
    """As `locate`, but what is not here is fetched, with `pull`, or a ModelError that says how to get it."""
    found = locate(name)
    if found is not None and (found.suffix == ".onnx" or found.name == folders.GRAPHS) and found.is_file():
        raise ModelError(f"{name} is one file of a model: give the folder that holds {folders.GRAPHS}")
    if found is None and pull:
        from splitmask.hub.fetching import pull as fetch

        return fetch(str(name))
    if found is None:
        raise ModelError(
            f"{name} is not on this machine: run `splitmask models pull {name}`, or give a file's path"
        )
    return found


def official(name: str) -> Preset | None:
    """The preset of an official model, by its name or its repository on the hub."""
    for preset in PRESETS.values():
        if preset.hub and name in (preset.name, preset.hub):
            return preset
    return None


def is_repository(name: str) -> bool:
    """Whether it reads as OWNER/REPO."""
    return _REPOSITORY.fullmatch(name) is not None and not name.endswith(_FILES)


def embedded_folder() -> Path:
    """Raises ModelError where the package is not whole."""
    folder = Path(str(resources.files("splitmask"))) / "weights" / EMBEDDED
    if not (folder / f"{EMBEDDED}.safetensors").is_file():
        raise ModelError(f"there is no model file {folder / EMBEDDED}.safetensors: reinstall splitmask")
    return folder


def in_cache(repo: Repo) -> Path | None:
    """The model of a repository of the hub, from the first snapshot that has it whole."""
    for folder in repo.snapshots():
        names = [path.name for path in folder.iterdir() if path.is_file()]
        try:
            main = folders.choose(names, folder)
            if main != folders.GRAPHS or folders.read_graphs(folder).files.keys() <= set(names):
                return main_of(folder, main)
        except ModelError:
            continue
    return None


def main_of(folder: Path, main: str) -> Path:
    """A model's path by its main file: the folder where that is graphs.json."""
    return folder if main == folders.GRAPHS else folder / main


def unknown(name: str) -> ModelError:
    """The error for a name that stands for nothing, with the nearest that does."""
    if "/" in name or "\\" in name or name.endswith(_FILES):
        what = f"a folder with {folders.GRAPHS}, a checkpoint, a name or OWNER/REPO"
        kind = "model file" if name.endswith(_FILES) else "model"
        return ModelError(f"there is no {kind} {name}: give {what}")
    known = [preset.name for preset in PRESETS.values() if preset.hub or preset.name == EMBEDDED]
    known += [each.name for each in store.everything(settings.home_folder())]
    also = {preset.checkpoint.removesuffix(".pt"): preset.name for preset in PRESETS.values()}
    near = difflib.get_close_matches(name.lower(), [*known, *also], 1)
    hint = f" did you mean {also.get(near[0], near[0])}?" if near else ""
    return ModelError(f"unknown model {name!r}:{hint} choose one of {', '.join(known)}")

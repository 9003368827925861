"""What of a folder's or a repository's files is the model: graphs, or one checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from splitmask.errors import ModelError
from splitmask.presets import PRESETS

GRAPHS = "graphs.json"
FORMAT = "splitmask.graphs"
BESIDE = ("golden.json", "golden.bin")  # what a folder of graphs may have besides
_SUFFIXES = (".safetensors", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Graphs:
    """What graphs.json says of its folder, as far as keeping and checking it needs."""

    preset: str
    weights_sha256: str
    files: dict[str, tuple[int, str]]  # name → (bytes, sha256)


def choose(names: Iterable[str], where: object) -> str:
    """The file that makes a folder a model: graphs.json, or else its checkpoint. As `checkpoint`."""
    names = list(names)
    return GRAPHS if GRAPHS in names else checkpoint(names, where, f"{GRAPHS} or ")


def checkpoint(names: Iterable[str], where: object, instead: str = "") -> str:
    """The official checkpoint among a folder's files, or else the only one.

    where: what to call the folder. Raises ModelError if there is none, or several to choose from.
    """
    top = [name for name in names if "/" not in name and "\\" not in name]
    official = [preset.checkpoint for preset in PRESETS.values() if preset.checkpoint in top]
    found = official or sorted(name for name in top if PurePosixPath(name).suffix in _SUFFIXES)
    if len(found) != 1:
        what = ", ".join(found) or "none"
        raise ModelError(
            f"{where} should hold {instead}one .pt or .safetensors, found {what}: give the file's path"
        )
    return found[0]


def read_graphs(folder: Path) -> Graphs:
    """Raises ModelError for a folder whose graphs.json is missing or not one."""
    path = folder / GRAPHS
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("it is of another program")
        files = {_plain(each["file"]): _known(each) for each in content["graphs"].values()}
        return Graphs(str(content["preset"]), str(content["weightsSha256"]), files)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged or of another program: export the model again") from error


def _known(graph: Any) -> tuple[int, str]:
    return int(graph["bytes"]), str(graph["sha256"])


def _plain(name: Any) -> str:
    if not isinstance(name, str) or Path(name).name != name or "\\" in name:
        raise ValueError("a file's name should be without a folder")
    return name

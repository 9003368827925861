"""The table of layouts, and which of them a path has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitmask.errors import DataError
from splitmask.train.readers import coco, davis, project, sa1b, sav, vos
from splitmask.train.readers.samples import Reader


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    shape: str  # for people: what the files look like
    matches: Callable[[Path], bool]
    open: Callable[[Path], Reader]


# The first that matches is taken: the particular before the general.
LAYOUTS = (
    Layout("project", project.SHAPE, project.matches, project.ProjectReader),
    Layout("sa-v", sav.SHAPE, sav.matches, sav.SavReader),
    Layout("davis", davis.SHAPE, davis.matches, davis.open_davis),
    Layout("vos", vos.SHAPE, vos.matches, vos.open_vos),
    Layout("sa-1b", sa1b.SHAPE, sa1b.matches, sa1b.Sa1bReader),
    Layout("coco", coco.SHAPE, coco.matches, coco.CocoReader),
)


def detect_layout(path: Path) -> Layout:
    """The layout of a folder or file. Raises DataError, naming those there are, if it has none of them."""
    if not path.exists():
        raise DataError(f"there is no data at {path}; check the path")
    for layout in LAYOUTS:
        if layout.matches(path):
            return layout
    known = "; ".join(f"{layout.name}: {layout.shape}" for layout in LAYOUTS)
    raise DataError(f"{path} has no layout that is known. Known are {known}")


def open_data(path: Path) -> Reader:
    """A reader for whatever layout the path has. Raises DataError."""
    return detect_layout(path).open(path)

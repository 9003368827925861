"""What a training run does, as one dataclass; recipes are short files that fill it in."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from splitmask.errors import DataError
from splitmask.train.rollout import Compile
from splitmask.train.scenes import SceneParams


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of step. Phases of a recipe are drawn by `share`."""

    name: str
    share: float
    batch: int
    objects: int  # per scene
    scene: SceneParams
    rounds: tuple[int, ...] = (1, 3, 5)  # drawn evenly
    starts: tuple[str, ...] = ("point", "point", "box")
    corrections: int = 0  # later frames that get a click, at most


@dataclass(frozen=True, slots=True)
class Recipe:
    preset: str = "nano"
    data: tuple[str, ...] = ()
    split: str = "train"
    weights: dict[str, float] = field(default_factory=dict)  # kind → share of samples
    phases: tuple[Phase, ...] = ()
    steps: int = 1000
    minutes: float = 0.0  # > 0: the schedule follows the clock instead of `steps`
    lr: float = 1e-3
    final_lr: float = 1e-6
    warmup: int = 300
    weight_decay: float = 0.05
    clip: float = 1.0
    ema: float = 0.9995
    accumulate: int = 1
    least_cells: int = 16  # smallest object, in cells of 4×4 pixels
    seed: int = 0
    compile: Compile = "all"
    save_minutes: float = 3.0
    eval_minutes: float = 4.0


def load_recipe(path: Path) -> Recipe:
    """A recipe is JSON with the names of these dataclasses. Raises DataError naming what is wrong."""
    try:
        raw = json.loads(path.read_text())
        phases = tuple(
            Phase(**{**p, "scene": SceneParams(**p["scene"]), "rounds": tuple(p.get("rounds", (1, 3, 5))),
                     "starts": tuple(p.get("starts", ("point", "point", "box")))})
            for p in raw.pop("phases", [])
        )  # fmt: skip
        return Recipe(**{**raw, "data": tuple(raw.get("data", ())), "phases": phases})
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        known = ", ".join(f.name for f in dataclasses.fields(Recipe))
        raise DataError(f"the recipe {path} does not fit: {error}; known keys: {known}") from error

"""What a training run does, as one dataclass; recipes are short files that fill it in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from splitmask.errors import DataError
from splitmask.presets import get_preset
from splitmask.train.rollout import Compile, Start
from splitmask.train.scenes import PASTE_ID, SceneParams


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
    about: str = ""  # what it is for and what it costs
    preset: str = "nano"  # empty: the model of the weights that are begun from
    data: tuple[str, ...] = ()  # where the command line names none
    split: str = "train"
    side: int = 0  # longest side that pictures are kept at; 0: seven eighths of the model's square
    weights: dict[str, float] = field(default_factory=dict)  # kind → share of samples
    phases: tuple[Phase, ...] = ()
    steps: int = 1000
    minutes: float = 0.0  # > 0: the schedule follows the clock instead of `steps`
    lr: float = 1e-3
    final_lr: float = 1e-6
    warmup: int = 300
    weight_decay: float = 0.05
    layer_decay: float = 1.0  # each layer of the trunk learns at this times the rate of the next
    freeze: tuple[str, ...] = ()  # parameters whose names begin so do not learn
    freeze_norm: bool = False  # batch norms keep their statistics, as small batches need it
    drop_path: float = 0.0  # share of samples for which the trunk's last block is left out; less before it
    clip: float = 1.0
    ema: float = 0.9995
    accumulate: int = 1
    loss_cell: int = 4  # losses compare masks on cells of so many pixels: 4, 2 or 1
    rim_weight: float = 0.0  # what cells within two of an object's edge count on top in the focal loss
    least_cells: int = 16  # smallest object, in cells of 4×4 pixels
    seed: int = 0
    compile: Compile = "all"
    recorded: int = 0  # so many kinds of steps a phase, recorded on the GPU and replayed; 0: any, one by one
    save_minutes: float = 3.0
    eval_minutes: float = 4.0  # 0: never

    def picture_side(self) -> int:
        return self.side or get_preset(self.preset).image_size * 7 // 8


_PACKAGED = resources.files("splitmask.train") / "recipes"


def packaged() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(
        item.name.removesuffix(".json") for item in _PACKAGED.iterdir() if item.name.endswith(".json")
    )


def load_recipe(path: str | Path) -> Recipe:
    """A recipe is JSON with the names of these dataclasses; a file, or the name of one of the package's.

    Raises DataError naming what is wrong.
    """
    given = Path(path)
    source = _PACKAGED / f"{given}.json" if str(path) in packaged() and not given.is_file() else given
    try:
        raw = json.loads(source.read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"there is no recipe {path}: give a file, or one of {', '.join(packaged())}"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"the recipe {path} is no JSON: {error}") from error
    recipe: Recipe = _build(Recipe, raw, f"the recipe {path}")
    for fault in faults(recipe):
        raise DataError(f"the recipe {path}: {fault}")
    return recipe


def override(recipe: Recipe, steps: int | None, minutes: float | None, preset: str | None) -> Recipe:
    """The recipe with another length or model. Raises ModelError for an unknown preset."""
    if minutes is not None:
        recipe = replace(recipe, minutes=minutes)
    elif steps is not None:
        recipe = replace(recipe, steps=steps, minutes=0.0)
    return replace(recipe, preset=get_preset(preset).name) if preset else recipe


def _build(cls: Any, raw: Any, where: str) -> Any:
    """A dataclass from JSON: every key known, every value of its field's type."""
    if not isinstance(raw, dict):
        raise DataError(f"{where}: expected an object with keys, found {raw!r}")
    known = {each.name: str(each.type) for each in fields(cls)}
    values = {}
    for key, value in raw.items():
        if key not in known:
            raise DataError(f"{where}: there is no {key!r}; known are {', '.join(known)}")
        values[key] = _value(known[key], value, f"{where}, {key}")
    try:
        return cls(**values)
    except TypeError as error:  # of what is missing
        raise DataError(f"{where}: {str(error).partition('() ')[2]}") from error


_PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "Compile": str,
}


def _value(kind: str, value: Any, where: str) -> Any:
    if kind == "SceneParams":
        return _build(SceneParams, value, where)
    if kind.startswith("tuple["):
        item = kind.removeprefix("tuple[").removesuffix(", ...]")
        if not isinstance(value, list):
            raise DataError(f"{where}: expected a list, found {value!r}")
        if item == "Phase":
            return tuple(_build(Phase, each, f"{where}[{i}]") for i, each in enumerate(value))
        return tuple(_value(item, each, f"{where}[{i}]") for i, each in enumerate(value))
    if kind.startswith("dict["):
        if not isinstance(value, dict):
            raise DataError(f"{where}: expected an object, found {value!r}")
        return {key: _value("float", each, f"{where}, {key}") for key, each in value.items()}
    if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise DataError(f"{where}: expected {kind}, found {value!r}")
    return value


def faults(recipe: Recipe) -> Iterator[str]:
    """What cannot be trained so, one line each."""
    if not recipe.phases:
        yield "it has no `phases`, so there is nothing to do"
    for name in ("steps", "accumulate", "warmup"):
        if getattr(recipe, name) < 1:
            yield f"`{name}` is {getattr(recipe, name)}, not 1 or more"
    for name in (
        "side",
        "minutes",
        "lr",
        "final_lr",
        "weight_decay",
        "rim_weight",
        "least_cells",
        "eval_minutes",
        "recorded",
    ):
        if getattr(recipe, name) < 0:
            yield f"`{name}` is below zero"
    if not 0 < recipe.layer_decay <= 1:
        yield f"`layer_decay` is {recipe.layer_decay}, not above 0 and up to 1"
    if recipe.loss_cell not in (1, 2, 4):
        yield f"`loss_cell` is {recipe.loss_cell}, not 1, 2 or 4"
    if not 0 <= recipe.drop_path < 1:
        yield f"`drop_path` is {recipe.drop_path}, not 0 or more and below 1"
    if recipe.compile not in get_args(Compile):
        yield f"`compile` is {recipe.compile!r}, not one of {', '.join(get_args(Compile))}"
    if any(share < 0 for share in recipe.weights.values()):
        yield "`weights` holds a number below zero"
    for phase in recipe.phases:
        yield from (f"phase {phase.name!r}: {fault}" for fault in _phase_faults(phase))


def _phase_faults(phase: Phase) -> Iterator[str]:
    scene = phase.scene
    if phase.share <= 0:
        yield f"`share` is {phase.share}, not above 0"
    if min(phase.batch, phase.objects, scene.frames, scene.max_stride) < 1:
        yield "`batch`, `objects`, `frames` and `max_stride` are 1 or more"
    if not phase.rounds or min(phase.rounds) < 1:
        yield "`rounds` are numbers of 1 or more"
    if not phase.starts or set(phase.starts) - set(get_args(Start)):
        yield f"`starts` are of {', '.join(get_args(Start))}"
    if "mask" in phase.starts and scene.frames == 1:
        yield "a start from a mask has nothing to find on one frame; give `frames`, or other `starts`"
    if not 0 <= scene.pastes <= 255 - PASTE_ID:
        yield f"`pastes` are 0 to {255 - PASTE_ID}"


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Keys of two recipes, as plain values, that differ in what is trained."""
    length = {"about", "steps", "minutes", "save_minutes", "eval_minutes", "compile", "recorded"}
    plain = json.loads(json.dumps(now))
    old = json.loads(json.dumps(before))
    return sorted(key for key in plain if key not in length and plain[key] != old.get(key, plain[key]))

"""`splitmask models`: what can be run, and what of it is here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitmask.cli import common
from splitmask.errors import ModelError

if TYPE_CHECKING:
    from splitmask.presets import Preset

_EXAMPLES = common.examples("splitmask models", "splitmask models --json")

# Of the SAM 2.1 family; 2.0 has less: the projection of time and the embedding of absence.
_PARAMETERS = {
    "sam2.1-tiny": 38_962_498,
    "sam2.1-small": 46_060_354,
    "sam2.1-base+": 80_850_178,
    "sam2.1-large": 224_446_642,
    "sam2.0-tiny": 38_945_986,
    "sam2.0-small": 46_043_842,
    "sam2.0-base+": 80_833_666,
    "sam2.0-large": 224_430_130,
}


def register(app: typer.Typer) -> None:
    app.command("models", help=common.help_of(models), epilog=_EXAMPLES)(models)


@dataclass(frozen=True, slots=True)
class Row:
    """One model. `folder` is None where its weights are not on this machine."""

    name: str
    parameters: int
    image_size: int  # side of the square that a frame is stretched to
    licence: str
    checkpoint: str  # the official file's name; empty for our own
    folder: str | None
    bytes: int | None
    sha256: str | None


def models(as_json: bool = typer.Option(False, "--json", help="Print the table as JSON.")) -> None:
    """List the models: size, licence, and where their weights are."""
    rows = list(table())
    if as_json:
        common.say(json.dumps([asdict(row) for row in rows], indent=2))
        return
    common.say(f"{'name':<13} {'parameters':>10} {'input':>11} {'on disk':>9}  {'licence':<11} weights")
    for row in rows:
        size = "" if row.bytes is None else f"{row.bytes / 1e6:.1f} MB"
        square = f"{row.image_size} × {row.image_size}"
        where = "comes with splitmask" if row.folder else f"not here: --model PATH/{row.checkpoint}"
        millions = f"{row.parameters / 1e6:.1f} M"
        common.say(f"{row.name:<13} {millions:>10} {square:>11} {size:>9}  {row.licence:<11} {where}")
    for row in rows:
        if row.folder:
            common.say("", f"{row.name}: {row.folder}", f"{' ' * len(row.name)}  sha256 {row.sha256}")


def table() -> Iterator[Row]:
    """A row per model of the zoo, the embedded one first."""
    from splitmask.presets import PRESETS

    for preset in PRESETS.values():
        if preset.name == "nano":
            yield _embedded(preset)
        elif preset.checkpoint:
            count = _PARAMETERS[preset.name]
            yield Row(
                preset.name, count, preset.image_size, preset.licence, preset.checkpoint, None, None, None
            )


def _embedded(preset: Preset) -> Row:
    folder = Path(__file__).parent.parent / "weights" / preset.name
    weights = folder / f"{preset.name}.safetensors"
    if not weights.is_file():
        raise ModelError(f"there is no model file {weights}: reinstall splitmask")
    total = sum(file.stat().st_size for file in folder.iterdir())
    graphs = json.loads((folder / "graphs.json").read_text("utf-8"))
    return Row(
        preset.name,
        count_parameters(weights),
        preset.image_size,
        preset.licence,
        "",
        str(folder),
        total,
        graphs["weightsSha256"],
    )


def count_parameters(path: Path) -> int:
    """Numbers in a safetensors file, from its header: eight bytes of length, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    total = 0
    for tensor in header.values():
        count = 1
        for side in tensor["shape"]:
            count *= side
        total += count
    return total

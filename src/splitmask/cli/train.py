"""`splitmask train`: a model from labelled pictures and clips, from nothing or from another model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.cli.stopping import Stopper
    from splitmask.train.recipe import Recipe
    from splitmask.train.run import OnError, RunOptions

_EXAMPLES = common.examples(
    "splitmask train finetune coco/annotations/instances_train2017.json --start nano -o runs/mine",
    "splitmask train finetune-images my-pictures/ --start sam2.1_hiera_tiny.pt --steps 500",
    "splitmask train recipes/nano-1-images.json data/ -o runs/1",
    "torchrun --nproc-per-node 4 --no-python splitmask train recipes/nano-1-images.json data/ -o runs/1",
)
_PACKAGED = ("finetune", "finetune-images")  # a test holds them to the package's

OUT = typer.Option(
    None, "--out", "-o", metavar="DIR", help="Where the run goes; runs/RECIPE by default.", show_default=False
)
START = typer.Option(
    None, "--start", metavar="NAME|PATH", help="Weights to begin from: nano, a checkpoint, a run's last.pt."
)
PRESET = typer.Option(None, "--preset", metavar="NAME", help="Which model to train, not the recipe's.")
STEPS = typer.Option(None, "--steps", min=1, metavar="N", help="How many steps, not the recipe's number.")
MINUTES = typer.Option(
    None, "--minutes", min=0.01, metavar="M", help="How long, not the recipe's length: the schedule fits."
)
RESUME = typer.Option(True, "--resume/--no-resume", help="Continue the run in DIR, or begin it anew.")
ON_ERROR = typer.Option(
    "skip", "--on-error", metavar="skip|raise", help="What to do with data that cannot be read."
)
LIMIT = typer.Option(
    None, "--limit", min=1, metavar="N", help="Pictures of each kind at most, clips whole; all by default."
)


def register(app: typer.Typer) -> None:
    app.command("train", help=common.help_of(train_command), epilog=_EXAMPLES, no_args_is_help=True)(
        train_command
    )


def train_command(
    recipe: str = typer.Argument(
        ...,
        metavar="RECIPE",
        help=f"A JSON file, or one that comes along: {', '.join(_PACKAGED)}.",
        show_default=False,
    ),
    data: list[Path] = typer.Argument(
        None, metavar="DATA...", help="A folder, tar, JSON or list of a known layout.", show_default=False
    ),
    out: Path | None = OUT,
    start: str | None = START,
    preset: str | None = PRESET,
    steps: int | None = STEPS,
    minutes: float | None = MINUTES,
    resume: bool = RESUME,
    on_error: str = ON_ERROR,
    limit: int | None = LIMIT,
) -> None:
    """Train a model, from nothing or from another one.

    RECIPE says which model, which steps and how many; docs/training.md says what is in one. DATA is what
    `splitmask eval` reads: COCO, SA-1B, SA-V, DAVIS, MOSE, YouTube-VOS and splitmask's own tars. A tenth
    of it, chosen by name, is held out and measured now and then.

    Writes into DIR: PRESET.safetensors (a model for --model and `splitmask export-onnx`), last.pt (to
    continue from, exactly), log.json, curves.png, and TensorBoard's files if that is installed. Ctrl-C
    ends the step under way and saves; the same command continues. Several GPUs: run it with torchrun.
    """
    from splitmask.errors import DataError, ModelError

    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise ModelError('training needs torch: pip install "splitmask[torch]"')
    if on_error not in ("skip", "raise"):
        raise DataError(f"--on-error {on_error}: choose of skip, raise")
    if steps and minutes:
        raise DataError("--steps and --minutes are two lengths of one run: give one of them")
    from splitmask.train.recipe import load_recipe, override
    from splitmask.train.run import RunOptions

    chosen = override(load_recipe(recipe), steps, minutes, preset)
    folder = out or Path("runs") / Path(recipe).stem
    errors: OnError = "raise" if on_error == "raise" else "skip"
    _run(chosen, RunOptions(tuple(data or ()), folder, resume, start, errors, limit))


def _run(recipe: Recipe, options: RunOptions) -> None:
    from splitmask.cli.stopping import Stopper
    from splitmask.train.run import train

    console = common.console()
    if recipe.about:
        console.print(recipe.about, markup=False)
    stopper = Stopper()
    done = train(recipe, options, lambda line: console.print(line, markup=False), _between_steps(stopper))
    if done.ranks.first:
        made = options.out / f"{done.recipe.preset}.safetensors"
        common.say(f"{common.plural(done.steps, 'step')}, {done.images} images → {common.shown(made)}")
    if stopper.asked:
        raise typer.Exit(stopper.code)


@contextmanager
def _between_steps(stopper: Stopper) -> Iterator[Callable[[], bool]]:
    with stopper:
        yield lambda: stopper.asked

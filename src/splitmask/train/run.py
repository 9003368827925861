"""A whole run: read the data, train, look at held-out data now and then, save."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from splitmask.errors import DataError, ModelError
from splitmask.model.weights import load_state, save_model
from splitmask.presets import get_preset
from splitmask.train.check import Check
from splitmask.train.checkpoint import LAST, read_checkpoint
from splitmask.train.corpus import Corpus, pack
from splitmask.train.curves import write_curves
from splitmask.train.ranks import Ranks
from splitmask.train.readers import Problems, detect_layout
from splitmask.train.recipe import Recipe
from splitmask.train.report import Status, gpu_use, open_board
from splitmask.train.sources import gather
from splitmask.train.trainer import Trainer

Say = Callable[[str], None]
OnError = Literal["skip", "raise"]
CURVES = "curves.png"
_SAY_SECONDS = 15.0
_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RunOptions:
    """start: weights, not a schedule, to begin from: `nano`, an official checkpoint, a run's last.pt.
    limit: pictures of each kind at most, clips whole."""

    data: tuple[Path, ...]
    out: Path
    resume: bool = True  # continue what is in `out`
    start: str | Path | None = None
    on_error: OnError = "skip"
    limit: int | None = None


def train(
    recipe: Recipe,
    options: RunOptions,
    say: Say = print,
    stopper: AbstractContextManager[Callable[[], bool]] | None = None,
) -> Trainer:
    """Trains until the recipe is done, and writes into `out`: last.pt (to continue from),
    PRESET.safetensors (the averaged weights in half precision), log.json and curves.png.

    stopper: entered for the training itself; what it gives is asked after every step, and says whether
    to save and stop. Such a run continues when it is run again.
    With torchrun every process calls this; only the first one writes and speaks.
    Raises DataError, ModelError and OutputError.
    """
    device = choose_device()
    ranks = Ranks.join(device)
    try:
        tell = say if ranks.first else _silent
        trainer, held_out = _prepare(recipe, options, ranks, device, tell)
        if trainer.progress < 1:
            with stopper or nullcontext(lambda: False) as stopped:
                _loop(trainer, held_out, tell, stopped)
    finally:
        ranks.leave()
    return trainer


def _silent(_line: str) -> None:
    pass


def _prepare(
    recipe: Recipe, options: RunOptions, ranks: Ranks, device: torch.device, say: Say
) -> tuple[Trainer, Corpus | None]:
    """Whatever can be wrong is found before the data is read, which takes longest."""
    data = options.data or tuple(map(Path, recipe.data))
    if not data:
        raise DataError("no training data: name at least one folder, tar or JSON of a known layout")
    for path in data:
        detect_layout(path)
    recipe = settle_preset(recipe, options.start)
    last = options.out / LAST
    state = read_checkpoint(last) if options.resume and last.exists() else None
    start = start_weights(options.start, recipe) if options.start and state is None else None
    if device.type == "cpu":
        say("no GPU found: training on the CPU, a hundred times slower; fine for a try, not for a model")
    read = (device, say, recipe.picture_side(), options.on_error, options.limit)
    corpus = read_corpus(data, recipe.split, *read)
    if corpus is None:
        raise DataError(f"{', '.join(map(str, data))}: no picture to train on in the part {recipe.split!r}")
    watched = ranks.first and recipe.eval_minutes > 0
    held_out = read_corpus(data, "held-out", *read) if watched else None
    trainer = Trainer(recipe, corpus, options.out, start, ranks)
    if state is not None:
        _continue(trainer, state, say)
    if trainer.compiles and trainer.progress < 1:
        began = time.perf_counter()
        trainer.warm_up()
        say(f"compiled in {time.perf_counter() - began:.0f} s, which the schedule does not count")
    return trainer, held_out


def _continue(trainer: Trainer, state: dict[str, Any], say: Say) -> None:
    path = trainer.out / LAST
    try:
        differ = trainer.load_state(state)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    say(f"continues {path} at step {trainer.steps}, {trainer.progress:.1%} done")
    if differ:
        say(f"the recipe has changed since: {', '.join(differ)}")
    if trainer.progress == 1:
        say("the recipe is done already: give more --steps or --minutes, or begin anew with --no-resume")


def choose_device() -> torch.device:
    if torch.cuda.is_available():
        # each process may see a GPU of its own only: then all can share what was compiled
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def settle_preset(recipe: Recipe, start: str | Path | None) -> Recipe:
    """A recipe that leaves its model open trains that of the weights it begins from.

    Raises DataError if it begins from none, ModelError for an unknown model or file.
    """
    if recipe.preset:
        return replace(recipe, preset=get_preset(recipe.preset).name)
    if start is None:
        raise DataError("this recipe trains whatever it begins from: give --start or --preset")
    return replace(recipe, preset=load_state(start)[0].name)


def start_weights(path: str | Path, recipe: Recipe) -> dict[str, Tensor]:
    """Raises ModelError, naming keys, for weights of another model than the recipe's."""
    return dict(load_state(path, recipe.preset)[1])


def read_corpus(
    data: tuple[Path, ...],
    part: str,
    device: torch.device,
    say: Say,
    side: int = 448,
    on_error: OnError = "skip",
    limit: int | None = None,
) -> Corpus | None:
    """One part of the data; None if nothing is in it. Raises DataError, with `raise` for any fault."""
    problems = Problems(on_error)
    began = time.perf_counter()
    sources, clips = gather(data, part, problems, limit)
    if not sources:
        say(f"{part}: no pictures")
        return None
    corpus = pack(sources, clips, side, device, problems=problems)
    for line in problems.lines[:_PROBLEMS_SHOWN]:
        say(f"skipped: {line}")
    size = (corpus.images.nbytes + corpus.maps.nbytes) / 2**30
    say(
        f"{part}: {len(corpus.names)} pictures, {len(corpus.cuts)} objects, {len(clips)} clips, "
        f"{len(problems)} skipped; {size:.2f} GB, {time.perf_counter() - began:.0f} s"
    )
    return corpus


class _Pace:
    """What happens now and then between steps, and whether it is due."""

    def __init__(self, trainer: Trainer, say: Say) -> None:
        self.trainer, self.say = trainer, say
        self.board = open_board(trainer.out) if trainer.ranks.first else lambda row: None
        self.saved = self.checked = self.said = time.perf_counter()
        self.before = (trainer.steps, trainer.images, trainer.spent)

    def save_is_due(self) -> bool:
        return time.perf_counter() - self.saved > 60 * self.trainer.recipe.save_minutes

    def check_is_due(self) -> bool:
        return time.perf_counter() - self.checked > 60 * self.trainer.recipe.eval_minutes

    def tell(self, now: bool = False) -> None:
        """Every process empties its pending means; the first one says them."""
        early = self.trainer.steps in (1, 20)
        if not (now or early) and time.perf_counter() - self.said < _SAY_SECONDS:
            return
        row = self.trainer.flush()
        self.say(self.status(row).line())
        self.board(row)
        self.said = time.perf_counter()
        self.before = (self.trainer.steps, self.trainer.images, self.trainer.spent)

    def status(self, row: dict[str, float]) -> Status:
        trainer, (steps, images, spent) = self.trainer, self.before
        seconds = max(trainer.spent - spent, 1e-9)
        if trainer.recipe.minutes > 0:
            left = 60 * trainer.recipe.minutes - trainer.spent
        else:
            left = (trainer.recipe.steps - trainer.steps) * seconds / max(1, trainer.steps - steps)
        return Status(
            trainer.progress,
            trainer.steps,
            (trainer.images - images) / seconds,
            max(0.0, left),
            gpu_use(trainer.device),
            {key: value for key, value in row.items() if "/" in key},
        )


def _loop(
    trainer: Trainer, held_out: Corpus | None, say: Say, stopped: Callable[[], bool] = lambda: False
) -> None:
    pace, ranks = _Pace(trainer, say), trainer.ranks
    stop = False
    while trainer.progress < 1 and not stop:
        trainer.step()
        pace.tell(now=trainer.progress == 1)
        # saving takes all processes, so the first one decides for all
        asked = ranks.agree(2.0 * stopped() + pace.save_is_due())
        stop = asked >= 2
        if asked:
            save(trainer)
            pace.saved = time.perf_counter()
        if held_out is not None and not stop and pace.check_is_due():
            say(check_line(trainer, held_out))
            pace.checked = time.perf_counter()
    if stop:
        say(f"stopped at step {trainer.steps}; the same command continues")
    else:
        _finish(trainer, held_out, say)


def _finish(trainer: Trainer, held_out: Corpus | None, say: Say) -> None:
    """Saves before the last look, which may be cut short, and writes down what it saw."""
    save(trainer)
    if held_out is not None:
        say(check_line(trainer, held_out))
        if trainer.ranks.first:
            trainer.save_log()
            write_curves(trainer.log, trainer.out / CURVES)


def save(trainer: Trainer) -> None:
    """All that a run leaves behind. All processes call it, the first one writes.

    Raises OutputError, and ModelError instead of saving weights that are no numbers.
    """
    trainer.flush()
    trainer.pause()
    trainer.save()
    if trainer.ranks.first:
        export_average(trainer)
        write_curves(trainer.log, trainer.out / CURVES)


def with_average(trainer: Trainer) -> dict[str, Tensor]:
    """Puts the averaged weights into the model; returns the training weights to put back."""
    kept = {k: v.detach().clone() for k, v in trainer.model.state_dict().items()}
    trainer.model.load_state_dict({**kept, **trainer.average.state})
    return kept


def check_line(trainer: Trainer, held_out: Corpus) -> str:
    """What held-out data says of the averaged weights; it goes into the log, too."""
    trainer.pause()
    kept = with_average(trainer)
    scores = Check(held_out, trainer.model)()
    trainer.model.load_state_dict(kept)
    trainer.log.append({"step": float(trainer.steps), **{f"held-out/{k}": v for k, v in scores.items()}})
    return "held-out: " + " ".join(f"{k}={v:.3f}" for k, v in scores.items())


def export_average(trainer: Trainer) -> Path:
    """The averaged weights as safetensors in half precision, as the package ships them."""
    kept = with_average(trainer)
    path = trainer.out / f"{trainer.recipe.preset}.safetensors"
    save_model(trainer.model, path, torch.float16)
    trainer.model.load_state_dict(kept)
    return path

"""A whole run: read the data, train, look at held-out data now and then, save."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from splitmask.errors import DataError, ModelError
from splitmask.model.weights import load_model, save_model
from splitmask.train.check import Check
from splitmask.train.corpus import Corpus, pack
from splitmask.train.readers import Problems
from splitmask.train.recipe import Recipe
from splitmask.train.sources import gather
from splitmask.train.trainer import Trainer

Say = Callable[[str], None]


def choose_device() -> torch.device:
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def read_corpus(data: tuple[Path, ...], part: str, device: torch.device, say: Say) -> Corpus:
    problems = Problems("skip")
    started = time.perf_counter()
    sources, clips = gather(data, part, problems)
    corpus = pack(sources, clips, device=device, problems=problems)
    for line in problems.lines[:5]:
        say(f"skipped: {line}")
    say(
        f"{part}: {len(corpus.names)} pictures, {len(corpus.cuts)} objects, {len(clips)} clips, "
        f"{len(problems)} skipped, {time.perf_counter() - started:.0f} s"
    )
    return corpus


def train(
    recipe: Recipe,
    data: tuple[Path, ...],
    out: Path,
    *,
    resume: bool = True,
    start: Path | None = None,
    say: Say = print,
) -> Trainer:
    """Trains until the recipe is done; what is in `out` is continued unless `resume` is off.

    start: a checkpoint of an earlier run whose weights (not its schedule) are the beginning.
    """
    if not data:
        raise DataError("no training data: name at least one folder or tar")
    device = choose_device()
    if "RANK" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cpu":
        say("no GPU found: training on the CPU, a hundred times slower; fine for a try, not for a model")
    corpus = read_corpus(data, recipe.split, device, say)
    held_out = read_corpus(data, "held-out", device, say) if recipe.eval_minutes > 0 else None
    trainer = Trainer(recipe, corpus, out, _start_weights(start) if start else None)
    last = out / "last.pt"
    if resume and last.exists():
        trainer.load_state(torch.load(last, map_location="cpu", weights_only=False))
        say(f"continues {last} at step {trainer.steps}")
    _loop(trainer, held_out, say)
    return trainer


def _start_weights(path: Path) -> dict[str, Tensor]:
    """The averaged weights of a training checkpoint, or the weights of any file that `load_model` reads."""
    if path.suffix != ".pt":
        return dict(load_model(path).state_dict())
    try:
        state = torch.load(path, map_location="cpu", weights_only=False)
        return {**state["model"], **state["average"]} if "average" in state else state["model"]
    except (OSError, KeyError, RuntimeError, EOFError) as error:
        raise ModelError(f"{path} is not a checkpoint to start from: {error}") from error


def _loop(trainer: Trainer, held_out: Corpus | None, say: Say) -> None:
    recipe = trainer.recipe
    saved = checked = said = time.perf_counter()
    images, main = trainer.images, trainer.rank == 0
    trainer.model.train()
    while trainer.progress < 1:
        trainer.step()
        now = time.perf_counter()
        if now - said > 15 or trainer.steps in (1, 20):
            row = trainer.flush()
            rate = (trainer.images - images) / max(now - said, 1e-9)
            text = " ".join(f"{k}={v:.3f}" for k, v in row.items() if "/" in k)
            if main:
                say(f"{trainer.progress:5.1%} step {trainer.steps} {rate:.0f} img/s {text}")
            said, images = time.perf_counter(), trainer.images
        if main and now - saved > 60 * recipe.save_minutes:
            trainer.save()
            export_average(trainer)
            saved = time.perf_counter()
        if main and held_out is not None and now - checked > 60 * recipe.eval_minutes:
            say(check_line(trainer, held_out))
            checked = said = time.perf_counter()
    if main:
        trainer.flush()
        trainer.save()
        export_average(trainer)
        if held_out is not None:
            say(check_line(trainer, held_out))


def with_average(trainer: Trainer) -> dict[str, Tensor]:
    """Puts the averaged weights into the model; returns the training weights to put back."""
    kept = {k: v.detach().clone() for k, v in trainer.model.state_dict().items()}
    trainer.model.load_state_dict({**kept, **trainer.average.state})
    return kept


def check_line(trainer: Trainer, held_out: Corpus) -> str:
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

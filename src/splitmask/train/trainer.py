"""The training loop's step: one process or several, exact resume, an average of the weights, no host
sync on the way."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from splitmask.errors import ModelError
from splitmask.files import write_bytes
from splitmask.model import Sam2
from splitmask.presets import get_preset
from splitmask.train.checkpoint import LAST, write_checkpoint
from splitmask.train.corpus import Corpus
from splitmask.train.parameters import drop_paths, freeze, parameter_groups, training_mode
from splitmask.train.plans import Plans
from splitmask.train.ranks import Ranks
from splitmask.train.recipe import Phase, Recipe, changed
from splitmask.train.replay import Recorder
from splitmask.train.rollout import Plan, Rollout, Verbs
from splitmask.train.sampler import SceneSampler
from splitmask.train.scenes import Layers, degrade, draw
from splitmask.train.targets import choose

LOG = "log.json"


class Average:
    """Exponential moving average of parameters and batch-norm statistics (Polyak & Juditsky 1992)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {k: v.detach().clone() for k, v in _floats(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        mine, theirs = list(self.state.values()), list(_floats(model).values())
        torch._foreach_lerp_(mine, theirs, 1 - decay)


def _floats(model: nn.Module) -> dict[str, Tensor]:
    return {k: v for k, v in model.state_dict().items() if v.is_floating_point()}


def sample_weights(corpus: Corpus, by_kind: dict[str, float]) -> npt.NDArray[np.float64]:
    """Share of each kind (the name's first part) spread evenly over its samples; unnamed kinds by count.

    Samples that could not be read weigh nothing.
    """
    usable = corpus.sizes.cpu().numpy().min(axis=1) >= 8
    kinds = [name.split("_")[0] for name in corpus.names]
    counts = {k: kinds.count(k) for k in set(kinds)}
    total = len(kinds)
    shares = np.array([by_kind.get(k, counts[k] / total) / counts[k] for k in kinds], np.float64)
    return np.where(usable, shares, 0.0)


class Trainer:
    """`step()` until `progress` is 1. State that resumes exactly: model, average, optimiser, generators.

    Raises ModelError for a part to freeze that the model does not have.
    """

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        out: Path,
        start: dict[str, Tensor] | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.recipe, self.corpus, self.out = recipe, corpus, out
        self.ranks = ranks or Ranks()
        self.device = corpus.images.device
        torch.manual_seed(recipe.seed)  # the same weights in all processes
        self.preset = get_preset(recipe.preset)
        self.model = Sam2(self.preset).to(self.device)
        if start is not None:
            self.model.load_state_dict(start)
        self._tune()
        freeze(self.model, recipe.freeze)
        drop_paths(self.model, recipe.drop_path)
        groups, self._scales = parameter_groups(self.model, recipe.weight_decay, recipe.layer_decay)
        fused = self.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=fused)
        self.average = Average(self.model, recipe.ema)
        compiled = recipe.compile if self.device.type == "cuda" else "none"
        self.compiles = compiled != "none" or recipe.recorded > 0
        self.rollout = Rollout(self.model, Verbs.of(self.model, compiled, recipe.rim_weight))
        self._draw = torch.compile(draw) if compiled == "all" else draw
        self._degrade = torch.compile(degrade) if compiled == "all" else degrade
        self._begin_streams(recipe.seed)
        weights = sample_weights(corpus, recipe.weights)
        self.samplers = [SceneSampler(corpus, weights, p.scene, self.rng) for p in recipe.phases]
        self.plans = Plans(recipe)
        recorded = recipe.recorded > 0 and self.device.type == "cuda"
        self.recorder = Recorder(self.model.parameters()) if recorded else None
        self.mean = torch.tensor(self.preset.mean, device=self.device).reshape(3, 1, 1)
        self.std = torch.tensor(self.preset.std, device=self.device).reshape(3, 1, 1)
        self.steps = self.images = 0
        self.spent = 0.0  # seconds of training, over all resumed runs
        self._mark: float | None = None
        self.log: list[dict[str, float]] = []
        self._pending: list[tuple[str, dict[str, Tensor]]] = []
        self._under_way: deque[torch.cuda.Event] = deque()
        self.train_mode()

    def _tune(self) -> None:
        if self.device.type == "cuda":
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")

    def _begin_streams(self, seed: int) -> None:
        """Each process draws scenes of its own; what kind of step comes next they draw alike."""
        if not self.ranks.first:
            torch.manual_seed(seed + self.ranks.rank)
        self.rng = np.random.default_rng(seed + 1000 * self.ranks.rank)

    def train_mode(self) -> None:
        training_mode(self.model, self.recipe.freeze_norm)

    @property
    def progress(self) -> float:
        if self.recipe.minutes > 0:
            return min(1.0, self.spent / (60 * self.recipe.minutes))
        return min(1.0, self.steps / self.recipe.steps)

    def _set_rate(self) -> None:
        warm = min(1.0, (self.steps + 1) / self.recipe.warmup)
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        rate = warm * (self.recipe.final_lr + (self.recipe.lr - self.recipe.final_lr) * cosine)
        for group, scale in zip(self.optimizer.param_groups, self._scales, strict=True):
            group["lr"] = rate * scale

    def step(self) -> None:
        self._mark = self._mark or time.perf_counter()
        self._set_rate()
        for _ in range(self.recipe.accumulate):
            self._micro_step(*self.plans.draw())
        self.ranks.average(p.grad for p in self.model.parameters() if p.grad is not None)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip, foreach=True)
        self.optimizer.step()
        self._clear_gradients()
        self.average.update(self.model)
        self.steps += 1
        self._keep_pace()
        now = time.perf_counter()
        # one clock for all, or some would stop while others wait for them
        self.spent = self.ranks.agree(self.spent + now - self._mark)
        self._mark = now

    def pause(self) -> None:
        """What comes before the next step (saving, looking at held-out data) is no training time."""
        self._mark = None

    def _keep_pace(self) -> None:
        """The host is two steps ahead at most, so that its clock is the GPU's."""
        if self.device.type == "cuda":
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record()
            self._under_way.append(done)
            if len(self._under_way) > 2:
                self._under_way.popleft().synchronize()

    def _clear_gradients(self) -> None:
        if self.recorder:
            self.recorder.clear_gradients()
        else:
            self.optimizer.zero_grad(set_to_none=True)

    def _micro_step(self, which: int, plan: Plan) -> None:
        phase = self.recipe.phases[which]
        layers = self.samplers[which].sample(phase.batch)
        work = partial(self._learn, phase, plan)
        values = self.recorder((which, plan), work, layers) if self.recorder else work(layers)
        self.images += phase.batch * phase.scene.frames * self.ranks.world
        self._pending.append((phase.name, values))

    def _learn(self, phase: Phase, plan: Plan, layers: Layers) -> dict[str, Tensor]:
        """Draws scenes and adds the gradients of a rollout over them; nothing here may ask the device."""
        with torch.no_grad():
            images, labels = self._draw(self.corpus, layers, self.preset.image_size)
            objects = choose(labels, phase.objects, self.recipe.least_cells, fine=self.recipe.loss_cell)
            images = (self._degrade(images) - self.mean) / self.std
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            outcome = self.rollout(images, objects, plan)
        (outcome.loss / self.recipe.accumulate).backward()  # type: ignore[no-untyped-call]
        return {"loss": outcome.loss.detach(), **outcome.scores}

    def warm_up(self) -> None:
        """Takes every kind of step once without learning from it, so that compiling is off the clock."""
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        streams, images = self._streams(), self.images
        for which in range(len(self.recipe.phases)):
            for plan in self.plans.warm(which):
                self._micro_step(which, plan)
        self._clear_gradients()
        for name, value in self.model.named_buffers():
            value.copy_(buffers[name])
        self._set_streams(streams)
        self.images = images
        self._pending.clear()

    def flush(self) -> dict[str, float]:
        """Means since the last call, brought to the host: the only sync, so call it now and then.

        Raises ModelError if the loss is no number any more.
        """
        sums: dict[str, list[Tensor]] = {}
        for phase, values in self._pending:
            for key, value in values.items():
                sums.setdefault(f"{phase}/{key}", []).append(value)
        self._pending.clear()
        means = {k: float(torch.stack(v).mean()) for k, v in sums.items()}
        broken = [key for key, value in means.items() if not math.isfinite(value)]
        if broken:
            raise ModelError(
                f"training has diverged: {broken[0]} is {means[broken[0]]} at step {self.steps}; "
                f"{self.out / LAST} is from before. Take a lower `lr`, a longer `warmup` or a smaller `clip`"
            )
        row = {"step": float(self.steps), "images": float(self.images), "seconds": self.spent, **means}
        if means:
            self.log.append(row)
        return row

    def _streams(self) -> dict[str, Any]:
        """The state of this process's random generators."""
        cuda = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        return {"numpy": self.rng.bit_generator.state, "torch": torch.get_rng_state(), "cuda": cuda}

    def _set_streams(self, streams: dict[str, Any]) -> None:
        self.rng.bit_generator.state = streams["numpy"]
        torch.set_rng_state(streams["torch"])
        if streams["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(streams["cuda"], self.device)

    def state(self, streams: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
        """streams: of all processes; of this one if not given."""
        return {
            "preset": self.recipe.preset,
            "model": self.model.state_dict(),
            "average": self.average.state,
            "average_steps": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "streams": list(streams or [self._streams()]),
            "plans": self.plans.state(),
            "counters": (self.steps, self.images, self.spent),
            "log": self.log,
            "recipe": asdict(self.recipe),
        }

    def load_state(self, state: dict[str, Any]) -> list[str]:
        """Continues where `state` was; returns the recipe's keys that have another value now.

        Raises ModelError if it is of another model or trains other parameters.
        """
        if state["preset"] != self.recipe.preset:
            raise ModelError(
                f"the checkpoint is of {state['preset']}, the recipe trains {self.recipe.preset}"
            )
        differ = changed(state["recipe"], asdict(self.recipe))
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            why = f"changed are {', '.join(differ)}" if differ else "the model has changed"
            raise ModelError(
                f"the checkpoint does not fit the recipe: {why}; begin anew with --start and another --out"
            ) from error
        self.average.state = {k: v.to(self.device) for k, v in state["average"].items()}
        self.average.steps = state["average_steps"]
        # another number of processes: those without a stream keep the one they began with
        if self.ranks.rank < len(state["streams"]):
            self._set_streams(state["streams"][self.ranks.rank])
        self.plans.set_state(state["plans"])
        self.steps, self.images, self.spent = state["counters"]
        self.log = state["log"]
        return differ

    def save(self, name: str = LAST) -> Path:
        """All processes call it, the first one writes. Raises OutputError; the one before is kept."""
        streams = self.ranks.gather(self._streams())
        if self.ranks.first:
            write_checkpoint(self.out / name, self.state(streams))
            self.save_log()
        return self.out / name

    def save_log(self) -> None:
        """Raises OutputError."""
        write_bytes(self.out / LOG, json.dumps(self.log).encode())

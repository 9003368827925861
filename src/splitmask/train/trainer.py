"""The training loop: one process or several, exact resume, an average of the weights, no host sync
in a step."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn

from splitmask.errors import OutputError
from splitmask.model import Sam2
from splitmask.presets import get_preset
from splitmask.train.corpus import Corpus
from splitmask.train.recipe import Phase, Recipe
from splitmask.train.rollout import Plan, Rollout, Verbs
from splitmask.train.scenes import SceneSampler, degrade, draw
from splitmask.train.targets import choose


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


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels only."""
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


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
    """`step()` until `progress` is 1. State that resumes exactly: model, average, optimiser, generators."""

    def __init__(
        self, recipe: Recipe, corpus: Corpus, out: Path, start: dict[str, Tensor] | None = None
    ) -> None:
        self.recipe, self.corpus, self.out = recipe, corpus, out
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device = corpus.images.device
        torch.manual_seed(recipe.seed + self.rank)
        self.rng = np.random.default_rng(recipe.seed + 1000 * self.rank)
        self.preset = get_preset(recipe.preset)
        self.model = Sam2(self.preset).to(self.device)
        if start is not None:
            self.model.load_state_dict(start, strict=False)
        if self.device.type == "cuda":
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        self.average = Average(self.model, recipe.ema)
        fused = self.device.type == "cuda"
        groups = parameter_groups(self.model, recipe.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=fused)
        self.rollout = Rollout(self.model, Verbs.of(self.model, recipe.compile))
        self._draw = torch.compile(draw) if recipe.compile == "all" else draw
        self._degrade = torch.compile(degrade) if recipe.compile == "all" else degrade
        weights = sample_weights(corpus, recipe.weights)
        self.samplers = [SceneSampler(corpus, weights, p.scene, self.rng) for p in recipe.phases]
        self.chances = np.array([p.share for p in recipe.phases]) / sum(p.share for p in recipe.phases)
        self.mean = torch.tensor(self.preset.mean, device=self.device).reshape(3, 1, 1)
        self.std = torch.tensor(self.preset.std, device=self.device).reshape(3, 1, 1)
        self.steps = self.images = 0
        self.spent = 0.0  # seconds, over all resumed runs
        self.log: list[dict[str, float]] = []
        self._pending: list[tuple[str, dict[str, Tensor]]] = []

    @property
    def progress(self) -> float:
        if self.recipe.minutes > 0:
            return min(1.0, self.spent / (60 * self.recipe.minutes))
        return min(1.0, self.steps / self.recipe.steps)

    def _set_rate(self) -> None:
        warm = min(1.0, (self.steps + 1) / self.recipe.warmup)
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        rate = warm * (self.recipe.final_lr + (self.recipe.lr - self.recipe.final_lr) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _plan(self, phase: Phase) -> Plan:
        start = phase.starts[int(self.rng.integers(len(phase.starts)))]
        rounds = int(phase.rounds[int(self.rng.integers(len(phase.rounds)))])
        later = np.arange(1, phase.scene.frames)
        count = int(self.rng.integers(0, phase.corrections + 1)) if len(later) else 0
        correct = tuple(int(x) for x in self.rng.permutation(later)[:count])
        keep = bool(self.rng.random() < 0.8)
        return Plan(start, rounds, correct, keep)  # type: ignore[arg-type]

    def step(self) -> None:
        started = time.perf_counter()
        self._set_rate()
        for _ in range(self.recipe.accumulate):
            self._micro_step(int(self.rng.choice(len(self.chances), p=self.chances)))
        if self.world > 1:
            self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.model)
        self.steps += 1
        self.spent += time.perf_counter() - started

    def _micro_step(self, which: int) -> None:
        phase = self.recipe.phases[which]
        with torch.no_grad():
            layers = self.samplers[which].sample(phase.batch)
            images, labels = self._draw(self.corpus, layers, self.preset.image_size)
            objects = choose(labels, phase.objects, self.recipe.least_cells)
            images = (self._degrade(images) - self.mean) / self.std
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            outcome = self.rollout(images, objects, self._plan(phase))
        (outcome.loss / self.recipe.accumulate).backward()  # type: ignore[no-untyped-call]
        self.images += phase.batch * phase.scene.frames * self.world
        self._pending.append((phase.name, {"loss": outcome.loss.detach(), **outcome.scores}))

    def _share_gradients(self) -> None:
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat, op=dist.ReduceOp.AVG)
        at = 0
        for g in grads:
            g.copy_(flat[at : at + g.numel()].view_as(g))
            at += g.numel()

    def flush(self) -> dict[str, float]:
        """Means since the last call, brought to the host: the only sync, so call it now and then."""
        sums: dict[str, list[Tensor]] = {}
        for phase, values in self._pending:
            for key, value in values.items():
                sums.setdefault(f"{phase}/{key}", []).append(value)
        self._pending.clear()
        means = {k: float(torch.stack(v).mean()) for k, v in sums.items()}
        row = {"step": float(self.steps), "images": float(self.images), "seconds": self.spent, **means}
        self.log.append(row)
        return row

    def state(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        return {
            "preset": self.recipe.preset,
            "model": self.model.state_dict(),
            "average": self.average.state,
            "average_steps": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "cuda": cuda,
            "counters": (self.steps, self.images, self.spent),
            "log": self.log,
            "recipe": asdict(self.recipe),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.state = {k: v.to(self.device) for k, v in state["average"].items()}
        self.average.steps = state["average_steps"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.steps, self.images, self.spent = state["counters"]
        self.log = state["log"]

    def save(self, name: str = "last.pt") -> Path:
        """Written beside and renamed, so that a full disk or a kill leaves the one before."""
        target, part = self.out / name, self.out / f".{name}.part"
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            torch.save(self.state(), part)
            part.replace(target)
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            raise OutputError(
                f"cannot save the checkpoint {target}: {error}; the one before is kept"
            ) from error
        (self.out / "log.json").write_text(json.dumps(self.log))
        return target

    def averaged_weights(self) -> dict[str, Tensor]:
        full = {k: v.detach().cpu() for k, v in self.model.state_dict().items()}
        full.update({k: v.detach().cpu() for k, v in self.average.state.items()})
        return full

"""Which parameters learn, and how fast: layer-wise rates, frozen parts, batch statistics, paths left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.layers import DropPath
from splitmask.presets import HieraParams, Preset

_TRUNK = "image_encoder.trunk."


def trunk_layers(preset: Preset) -> list[str]:
    """Prefixes of the trunk's parameters, layer by layer as the data passes them."""
    trunk = preset.trunk
    if isinstance(trunk, HieraParams):
        return [f"{_TRUNK}blocks.{i}." for i in range(sum(trunk.stages))]
    layers = []
    for stage in range(3):
        layers.append(f"{_TRUNK}downs.{stage}.")
        layers += [f"{_TRUNK}stages.{stage}.{i}." for i in range(trunk.depths[stage])]
    return [*layers, f"{_TRUNK}downs.3.", *(f"{_TRUNK}blocks.{i}." for i in range(trunk.depths[3]))]


def rate_scale(name: str, layers: Sequence[str], decay: float) -> float:
    """Layer-wise decay (Clark et al. 2020, "ELECTRA"; Bao et al. 2022, "BEiT"): the trunk's last layer
    learns at `decay` times the rate of what follows, each one before it at `decay` times that."""
    if not name.startswith(_TRUNK):
        return 1.0
    at = next((i for i, layer in enumerate(layers) if name.startswith(layer)), -1)
    return decay ** (len(layers) - at)


def parameter_groups(
    model: Sam2, weight_decay: float, layer_decay: float = 1.0
) -> tuple[list[dict[str, Any]], list[float]]:
    """Groups for the optimiser, and the scale of each one's rate. Only matrices and kernels decay."""
    layers = trunk_layers(model.preset)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[rate_scale(name, layers, layer_decay), parameter.ndim < 2].append(parameter)
    chosen = sorted(groups.items(), key=lambda item: (-item[0][0], item[0][1]))
    return (
        [{"params": p, "weight_decay": 0.0 if plain else weight_decay} for (_, plain), p in chosen],
        [scale for (scale, _), _ in chosen],
    )


def freeze(model: Sam2, prefixes: Sequence[str]) -> None:
    """Parameters whose names begin so learn no more. Raises ModelError for a prefix that fits none."""
    for prefix in prefixes:
        found = [p for name, p in model.named_parameters() if name.startswith(prefix)]
        if not prefix or not found:
            parts = ", ".join(dict.fromkeys(name.split(".")[0] for name, _ in model.named_parameters()))
            raise ModelError(
                f"`freeze` names {prefix!r}, but no parameter of {model.preset.name} begins so; its parts "
                f"are {parts}, and image_encoder.trunk is the largest"
            )
        for parameter in found:
            parameter.requires_grad_(False)


def training_mode(model: Sam2, keep_statistics: bool) -> None:
    """Training mode; batch norms of frozen parts, or all with `keep_statistics`, stay as in inference."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            frozen = not any(p.requires_grad for p in module.parameters())
            module.train(not keep_statistics and not frozen)


def drop_paths(model: Sam2, rate: float) -> None:
    """The trunk's last block is left out for a share `rate` of the samples, those before it for less, in
    proportion to their depth. Raises ModelError where the trunk has no such blocks."""
    drops = [module for module in model.image_encoder.modules() if isinstance(module, DropPath)]
    if rate and not drops:
        raise ModelError(
            f"the trunk of {model.preset.name} has no blocks to leave out: `drop_path` must be 0"
        )
    for i, drop in enumerate(drops, 1):
        drop.rate = rate * i / len(drops)

"""Averages the weights of a model and of what fine-tuning made of it.

    python scripts/average_weights.py BEFORE.safetensors AFTER.safetensors SHARE OUT.safetensors

SHARE is that of AFTER, 0 to 1. Between the two lie models that keep what the first could do and take on
what the second learned (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from splitmask.errors import ModelError
from splitmask.files import write_bytes


def average(before: Path, after: Path, share: float, out: Path) -> None:
    """Writes (1 − share) · before + share · after. Raises ModelError where they are not of one model."""
    ours, theirs = load_file(before), load_file(after)
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise ModelError(f"{before} and {after} hold different tensors: they are no two states of one model")
    mixed = {
        key: torch.lerp(value.float(), theirs[key].float(), share).to(value.dtype)
        if value.is_floating_point()
        else theirs[key]
        for key, value in ours.items()
    }
    with safe_open(after, "pt") as file:
        write_bytes(out, save(mixed, metadata=file.metadata()))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    try:
        average(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
    except ModelError as error:
        raise SystemExit(str(error)) from error

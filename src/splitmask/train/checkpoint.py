"""Checkpoints: whole or not there, read as tensors only, and said clearly where they do not fit."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from splitmask.errors import ModelError, OutputError
from splitmask.files import output_errors

LAST = "last.pt"
_NEEDED = {"preset", "model", "average", "optimizer", "streams", "plans", "counters", "recipe"}


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Written beside and renamed, so that a full disk or a kill leaves the one before.

    Raises OutputError.
    """
    part = path.with_name(f".{path.name}.part")  # always the same: a kill leaves one at most
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(state, part)
            part.replace(path)
        except RuntimeError as error:  # what torch makes of a full disk
            kept = "; the one before is kept" if path.exists() else ""
            raise OutputError(f"cannot write {path}: is the disk full?{kept}") from error
        finally:
            part.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Raises ModelError if it is damaged or no checkpoint of a training run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is damaged; move it away, or begin anew with --no-resume") from error
    if not isinstance(state, dict) or not _NEEDED.issubset(state):
        raise ModelError(f"{path} is no checkpoint of a training run; give it as --start to begin from it")
    return state

"""Errors of splitmask that `except` clauses written for the official package catch, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from PIL import UnidentifiedImageError

from splitmask.errors import MediaError, ModelError, PromptError, SplitmaskError


class CheckpointNotFoundError(ModelError, FileNotFoundError): ...


class CodeInCheckpointError(ModelError, UnpicklingError): ...


class UnfitModelError(ModelError, RuntimeError):
    """A checkpoint of another model, or a device that is not there."""


class NoSuchFrameError(PromptError, IndexError): ...


class UnfitPointsError(PromptError, RuntimeError): ...


class UnfitMaskError(PromptError, AssertionError): ...


class FrameNameError(MediaError, ValueError): ...


class DamagedFrameError(MediaError, UnidentifiedImageError): ...


class NoVideoError(MediaError, NotImplementedError):
    """Officially a RuntimeError where a folder is empty, and this one, which is one, for what is none."""


Kind = Callable[[str], SplitmaskError]


@contextmanager
def raised_as(kind: Kind) -> Iterator[None]:
    """What the rest of splitmask raises inside, as an error of another class with the same message."""
    try:
        yield
    except SplitmaskError as error:
        raise kind(str(error)) from error


@contextmanager
def reading(checkpoint: str | Path) -> Iterator[None]:
    """`raised_as`, by what is wrong with a checkpoint."""
    try:
        yield
    except ModelError as error:
        kind: Kind = UnfitModelError
        if isinstance(error.__cause__, UnpicklingError):
            kind = CodeInCheckpointError
        elif not Path(checkpoint).expanduser().exists():
            kind = CheckpointNotFoundError
        raise kind(str(error)) from error

"""Click an object once, in any image or video, and get its mask through the whole clip.

What most programs need is here: `load` a model, click in an `ImageSession` or a `VideoSession`. Names
are looked up when they are used, so that the import itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splitmask.engine import load
    from splitmask.masks.resize import logits_to_mask
    from splitmask.media import open_clip, read_image, read_mask
    from splitmask.session import ImageSession, VideoSession
    from splitmask.types import Prompt

__version__ = "0.1.0"

_HOMES = {
    "load": "splitmask.engine",
    "logits_to_mask": "splitmask.masks.resize",
    "open_clip": "splitmask.media",
    "read_image": "splitmask.media",
    "read_mask": "splitmask.media",
    "ImageSession": "splitmask.session",
    "VideoSession": "splitmask.session",
    "Prompt": "splitmask.types",
}

__all__ = [
    "ImageSession",
    "Prompt",
    "VideoSession",
    "load",
    "logits_to_mask",
    "open_clip",
    "read_image",
    "read_mask",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))

"""Model files: what there is, where it is, and how it comes here.

The cache is that of the Hugging Face hub, shared with other tools. Nothing is fetched unless asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from splitmask.hub.names import locate, resolve

if TYPE_CHECKING:
    from splitmask.hub.fetching import Watcher, pull
    from splitmask.hub.inventory import Entry, entries, entry
    from splitmask.hub.upkeep import Checked, remove, verify

# looked up when used: loading a model needs no network client
_HOMES = {
    "Entry": "inventory",
    "entries": "inventory",
    "entry": "inventory",
    "Watcher": "fetching",
    "pull": "fetching",
    "Checked": "upkeep",
    "remove": "upkeep",
    "verify": "upkeep",
}

__all__ = ["Checked", "Entry", "Watcher", "entries", "entry", "locate", "pull", "remove", "resolve", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"splitmask.hub.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

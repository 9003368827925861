"""Which repositories were pulled by name, and the licence that the hub said they have.

Caches hold much that is no model for splitmask; a mark is how a checkpoint among it is known.
"""

from __future__ import annotations

import json
from pathlib import Path

from splitmask.files import write_bytes
from splitmask.hub.disk import in_words
from splitmask.hub.layout import Repo


def mark(home: Path, repo: Repo, licence: str) -> None:
    """Raises ModelError, or OutputError, if it cannot be written."""
    file = _file(home, repo)
    with in_words(file, repo.name):
        write_bytes(file, json.dumps({"licence": licence}).encode())


def is_marked(home: Path, repo: Repo) -> bool:
    return _file(home, repo).is_file()


def licence(home: Path, repo: Repo) -> str | None:
    """None if it is not known."""
    try:
        found = json.loads(_file(home, repo).read_text("utf-8"))["licence"]
        return str(found) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def unmark(home: Path, repo: Repo) -> None:
    _file(home, repo).unlink(missing_ok=True)


def _file(home: Path, repo: Repo) -> Path:
    return home / "pulled" / f"{repo.folder.name}.json"

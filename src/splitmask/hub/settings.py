"""Where models are kept and fetched from, as the environment says it.

The names are those of `huggingface_hub`, so that one set of variables serves all tools.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from splitmask.errors import ModelError

ENDPOINT = "https://huggingface.co"
META = "https://dl.fbaipublicfiles.com/segment_anything_2"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a pull depends on besides the model's name. `from_environment` makes it."""

    cache: Path  # of the hub, shared with other tools
    home: Path  # what was imported
    endpoint: str = ENDPOINT
    token: str = field(default="", repr=False)
    offline: str = ""  # what says so; empty when it may be fetched
    timeout: float = 20.0  # seconds without a byte
    retries: int = 5  # in a row, without getting further
    backoff: float = 1.0  # seconds before the first retry, doubled for each further one


def from_environment() -> Settings:
    """Raises ModelError for a variable that cannot be understood."""
    env = os.environ
    return Settings(
        cache=cache_folder(),
        home=home_folder(),
        endpoint=host_url(env.get("HF_ENDPOINT") or ENDPOINT, "HF_ENDPOINT"),
        token=_token(),
        offline=next((name for name in ("SPLITMASK_OFFLINE", "HF_HUB_OFFLINE") if _is_true(name)), ""),
        timeout=_seconds("HF_HUB_DOWNLOAD_TIMEOUT", 20.0),
    )


def cache_folder() -> Path:
    """The hub's cache: HF_HUB_CACHE, or `hub` in HF_HOME, or ~/.cache/huggingface/hub."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _path(named) if named else _hub_home() / "hub"


def home_folder() -> Path:
    """Where imported models are: SPLITMASK_HOME, or ~/.local/share/splitmask."""
    if named := os.environ.get("SPLITMASK_HOME"):
        return _path(named)
    return _path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "splitmask"


def host_url(text: str, what: str) -> str:
    """Raises ModelError unless it is the address of a web server."""
    if not text.startswith(("http://", "https://")):
        raise ModelError(f"{what} should begin with https://, not {text!r}")
    return text.rstrip("/")


def _hub_home() -> Path:
    if named := os.environ.get("HF_HOME"):
        return _path(named)
    return _path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()


def _token() -> str:
    if given := os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return given.strip()
    if _is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        return ""
    file = _path(os.environ.get("HF_TOKEN_PATH") or str(_hub_home() / "token"))
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _is_true(name: str) -> bool:
    return os.environ.get(name, "").strip().upper() in ("1", "ON", "YES", "TRUE")


def _seconds(name: str, default: float) -> float:
    text = os.environ.get(name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ModelError(f"{name} should be a number of seconds, not {text!r}")
    return value

"""The studio as an ASGI application: static files with the headers that a browser wants.

Threads in WebAssembly need a page that is cross-origin isolated (COOP and COEP, see the HTML standard).
Names with a hash in them never change and are kept for a year; everything else is asked for again, and
answered with 304 where it is the same. Models are read in parts (Range), so that a download that was
cut goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitmask.errors import ServeError
from splitmask.studio.site import find_site

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message, Receive, Scope, Send

ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_HASHED = re.compile(r"-[\w-]{8,}\.\w+$")
MODELS = "models"


def build_app(site: Path | None = None, models: Mapping[str, Path] | None = None) -> Starlette:
    """The application that serves the studio.

    site: a folder that `make site` wrote, by default the one at hand. models: id → folder of graphs that
    `splitmask export-onnx` wrote; the page offers them beside its own.

    Raises ServeError if there is no studio, or a folder holds no model.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import BaseRoute, Mount
    from starlette.staticfiles import StaticFiles

    root = find_site(site)
    models = dict(models or {})
    for folder in models.values():
        if not (folder / "graphs.json").is_file():
            raise ServeError(f"{folder}: no graphs.json in it; `splitmask export-onnx` writes such a folder")
    routes: list[BaseRoute] = [
        Mount(f"/{MODELS}/{name}", StaticFiles(directory=folder)) for name, folder in models.items()
    ]
    routes.append(Mount("/", StaticFiles(directory=root, html=True)))
    return Starlette(routes=routes, middleware=[Middleware(_Headers)])


class _Headers:
    """Adds the headers to every answer, errors too: a page that cannot load must still be isolated."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        kept = "public, max-age=31536000, immutable" if _HASHED.search(scope["path"]) else "no-cache"
        added = {**ISOLATION, "cache-control": kept}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in added.items()]
                message = {**message, "headers": [*message["headers"], *ours]}
            await send(message)

        await self.app(scope, receive, with_headers)


def model_id(folder: Path) -> str:
    """What the page calls a model folder: the preset, as its `graphs.json` names it.

    Raises ServeError if it cannot be read.
    """
    try:
        return str(json.loads((folder / "graphs.json").read_bytes())["preset"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServeError(f"{folder / 'graphs.json'}: cannot be read as one that export-onnx wrote") from error

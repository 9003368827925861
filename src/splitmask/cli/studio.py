"""`splitmask studio`: the studio in the browser, from this machine."""

from __future__ import annotations

import errno
import socket
import threading
import webbrowser
from pathlib import Path

import typer

from splitmask.cli import common
from splitmask.errors import ServeError

_EXAMPLES = common.examples(
    "splitmask studio",
    "splitmask studio --port 9000 --no-open",
    "splitmask export-onnx sam2.1-small -o small",
    "splitmask studio --models small",
)
_TRIED = 20  # ports, from the one asked for


def register(app: typer.Typer) -> None:
    app.command("studio", help=common.help_of(studio), epilog=_EXAMPLES)(studio)


def studio(
    port: int = typer.Option(4280, "--port", min=0, max=65535, help="The next free one if it is taken."),
    host: str = typer.Option("127.0.0.1", "--host", help="Who may come in; this machine alone by default."),
    open_page: bool = typer.Option(True, "--open/--no-open", help="Open the page in the browser."),
    models: list[Path] = typer.Option(
        [], "--models", metavar="DIR", help="A folder that export-onnx wrote, offered too; again for more."
    ),
    site: Path | None = typer.Option(None, "--site", metavar="DIR", help="A studio built elsewhere."),
) -> None:
    """Open the studio: click an object in a clip or a photo, and get its mask, in the browser.

    Everything runs in the page: nothing is uploaded. This command only hands out the page's files, with the
    headers that let it use threads; Ctrl-C ends it. Work is kept by the browser and is there the next time.
    """
    try:
        import uvicorn

        from splitmask.studio.app import build_app, model_id
    except ModuleNotFoundError as error:
        raise ServeError(f"{error.name} is not installed: pip install splitmask") from error

    app = build_app(site, {model_id(folder): folder for folder in models})
    listening = _listen(host, port)
    page = f"http://{'localhost' if host == '127.0.0.1' else host}:{listening.getsockname()[1]}/"
    common.say(f"splitmask studio: {page}", "Ctrl-C ends it.")
    if not _is_loopback(host):
        common.console().print(
            "Other machines can come in. Their browsers give the page storage, codecs and WebGPU only over "
            "https: put this behind a server that speaks it."
        )
    if open_page:
        threading.Timer(0.5, webbrowser.open, (page,)).start()
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _listen(host: str, port: int) -> socket.socket:
    """A socket on the first free port from the one asked for; 0: any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in (0,) if port == 0 else range(port, min(port + _TRIED, 65536)):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen()
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE:
                raise ServeError(f"--host {host} --port {candidate}: {error.strerror or error}") from error
        else:
            return listening
    raise ServeError(f"ports {port} to {port + _TRIED - 1} are all taken: give another with --port")

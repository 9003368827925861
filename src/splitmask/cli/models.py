"""`splitmask models`: what can be run, what of it is here, and how it comes here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.hub import Entry
    from splitmask.hub.fetching import Origin

_EXAMPLES = common.examples("splitmask models", "splitmask models list --json")
_PULL_EXAMPLES = common.examples(
    "splitmask models pull sam2.1-tiny",
    "splitmask models pull sam2.1-large --from meta",
    "splitmask models pull facebook/sam2.1-hiera-small --mirror https://hub.example.org",
)
_IMPORT_EXAMPLES = common.examples(
    "splitmask models import sam2.1_hiera_tiny.pt",
    "splitmask models import exported/tiny-int8 --name tiny-int8",
)

NAMES = typer.Argument(..., metavar="NAME...", help="See: splitmask models.")
JSON = typer.Option(False, "--json", help="Print the table as JSON.")
FROM = typer.Option("auto", "--from", metavar="auto|hub|meta", help="Who is asked; the hub first by default.")
MIRROR = typer.Option(
    None,
    "--mirror",
    metavar="URL",
    help="A server that answers like the hub, instead of it; also HF_ENDPOINT.",
)
BASE_URL = typer.Option(
    None,
    "--base-url",
    metavar="URL",
    help="A web server's folder with the official files, instead of both.",
)
OFFLINE = typer.Option(False, "--offline", help="Fetch nothing; also SPLITMASK_OFFLINE=1, HF_HUB_OFFLINE=1.")
IMPORT_NAME = typer.Option(
    None, "--name", metavar="NAME", help="What to call it; the file's or folder's own name by default."
)


def register(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True, epilog=_EXAMPLES)
    group.callback(help="List, fetch, check and remove models.")(_group)
    group.command("list", help=common.help_of(list_models), epilog=_EXAMPLES)(list_models)
    group.command("pull", help=common.help_of(pull), epilog=_PULL_EXAMPLES)(pull)
    group.command("verify", help=common.help_of(verify))(verify)
    group.command("remove", help=common.help_of(remove))(remove)
    group.command("import", help=common.help_of(import_model), epilog=_IMPORT_EXAMPLES)(import_model)
    app.add_typer(group, name="models")


def _group(context: typer.Context, as_json: bool = JSON) -> None:
    if context.invoked_subcommand is None:
        list_models(as_json)


def list_models(as_json: bool = JSON) -> None:
    """List the models: size, licence, and where their files are.

    Official models that are not here can be fetched by splitmask models pull. What other tools fetched
    from the Hugging Face hub is found.
    """
    from splitmask.hub import entries

    found = entries()
    if as_json:
        common.say(json.dumps([asdict(each) for each in found], indent=2))
        return
    width = max(len(each.name) for each in found)
    common.say(f"{'name':<{width}} {'parameters':>10} {'input':>11} {'bytes':>9}  {'licence':<11} where")
    for each in found:
        common.say(_line(each, width))
    for each in found:
        if each.path:
            common.say("", f"{each.name}: {each.path}")
            if each.sha256:
                common.say(f"{' ' * len(each.name)}  sha256 {each.sha256}")


def pull(
    names: list[str] = NAMES,
    origin: str = FROM,
    mirror: str | None = MIRROR,
    base_url: str | None = BASE_URL,
    offline: bool = OFFLINE,
) -> None:
    """Fetch models, checked by their hash.

    From the Hugging Face hub into its shared cache, or from Meta's host if the hub cannot be reached. A
    pull that was stopped goes on where it was. OWNER/REPO stands for a repository of the hub with one
    checkpoint or a folder of graphs. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY and
    NO_PROXY are heeded.
    """
    from splitmask.cli.pulling import shown_on
    from splitmask.errors import ModelError
    from splitmask.hub import pull as fetch

    if origin not in ("auto", "hub", "meta"):
        raise ModelError(f"unknown host {origin!r}: choose auto, hub or meta")
    for name in names:
        with shown_on(common.console()) as watcher:
            try:
                path = fetch(
                    name,
                    origin=cast("Origin", origin),
                    mirror=mirror or "",
                    base_url=base_url or "",
                    offline=offline,
                    watcher=watcher,
                )
            except KeyboardInterrupt:
                watcher.note(f"stopped: splitmask models pull {name} goes on from here")
                raise
        common.say(f"{name}: {path}" if watcher.fetched else f"{name} is here already: {path}")


def verify(
    names: list[str] = typer.Argument(None, metavar="[NAME...]", help="By default all that are here."),
) -> None:
    """Read models' files again and compare them with the hashes that they should have."""
    from splitmask.hub import entries
    from splitmask.hub import verify as check
    from splitmask.hub.upkeep import wrong

    faults = []
    for name in names or [each.name for each in entries() if each.path]:
        for checked in check(name):
            state = "nothing to compare with" if checked.expected is None else "right"
            common.say(f"{name}: {checked.path.name}: {state if checked.right else 'WRONG'}: {checked.found}")
            faults += [] if checked.right else [wrong(name, checked)]
    if faults:
        raise faults[0]


def remove(names: list[str] = NAMES) -> None:
    """Delete models' files, and what was left of a pull that was stopped.

    In the hub's cache, which other tools use too, only the model's own files go.
    """
    from splitmask.hub import remove as delete
    from splitmask.hub.disk import readable

    for name in names:
        common.say(f"{name}: {readable(delete(name))} freed")


def import_model(
    source: Path = typer.Argument(
        ..., metavar="FILE|DIR", help="A .pt or .safetensors, or a folder from splitmask export-onnx."
    ),
    name: str | None = IMPORT_NAME,
) -> None:
    """Take a checkpoint, or a folder of graphs, in among the models.

    It is checked, copied and from then on known by its name. An official checkpoint is recognised by its
    hash and goes where a pull would have put it; others need torch to be checked.
    """
    from splitmask.jobs.importing import import_model as take

    made = take(source, name or "")
    common.say(f"{made.name}: {made.preset or 'model'} in {made.path}", f"try: --model {made.name}")


def _line(each: Entry, width: int) -> str:
    from splitmask.hub.disk import readable

    millions = f"{each.parameters / 1e6:.1f} M" if each.parameters else ""
    square = f"{each.image_size} × {each.image_size}" if each.image_size else ""
    size = each.bytes or each.download_bytes
    shown = readable(size) if size else ""
    licence = each.licence or ""
    return f"{each.name:<{width}} {millions:>10} {square:>11} {shown:>9}  {licence:<11} {_where(each)}"


def _where(each: Entry) -> str:
    from splitmask.hub.disk import readable

    if each.kind == "embedded":
        return "comes with splitmask"
    if each.path:
        return f"here, {each.kind}, {each.form}" if each.kind != "official" else "here"
    if each.partial_bytes:
        return f"{readable(each.partial_bytes)} came: splitmask models pull {each.name}"
    return f"splitmask models pull {each.name}"

"""`splitmask bench`: how fast it is here."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.bench.report import Row
    from splitmask.engine import Engine

_EXAMPLES = common.examples(
    "splitmask bench cpu",
    "splitmask bench cpu --threads 2 --memory --json",
    "splitmask bench cpu --against sam2",
)
_ORT_EXAMPLES = common.examples("splitmask bench ort", "splitmask bench ort --rounds 9 --json")
_PROVIDER_EXAMPLES = common.examples(
    "splitmask bench provider",
    "splitmask bench provider --provider cuda --rounds 50 --json",
)
_BUSY = 0.5  # cores in use before anything is measured


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Measure how fast it is on this machine.")
    group.callback()(_group)
    group.command("cpu", help=common.help_of(cpu), epilog=_EXAMPLES)(cpu)
    group.command("ort", help=common.help_of(ort), epilog=_ORT_EXAMPLES)(ort)
    group.command("provider", help=common.help_of(provider), epilog=_PROVIDER_EXAMPLES)(provider)
    app.add_typer(group, name="bench")


def _group() -> None:
    pass


def cpu(
    rounds: int | None = typer.Option(
        None, "--rounds", min=2, metavar="N", help="Samples of each; 12, or 4 with --against."
    ),
    memory: bool = typer.Option(
        False, "--memory", help="Also track 5,000 frames and see what memory they add: many minutes."
    ),
    against: str | None = typer.Option(
        None, "--against", metavar="sam2", help="Measure beside the official sam2 package instead."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
    model: str = common.MODEL,
    threads: int | None = common.THREADS,
) -> None:
    """Time encoding, clicking and tracking on ONNX Runtime.

    Each time is also given as a ratio to a 2048³ float32 matrix product through the same runtime, run
    between all samples: milliseconds tell about the machine, ratios about the program. Targets, where
    there are any, are those for 2 processor cores and the model nano.

    With --against sam2, the tiny SAM 2.1 tracker in PyTorch is timed frame by frame beside the official
    package, which scripts/install_sam2.sh installs: float32 and bfloat16, 1 object and 5, ratios to the
    official float32 time, then the most memory that each holds for a clip of 300 frames. A quarter of an
    hour; with --memory all 300 frames are tracked and not just the first 8.
    """
    from splitmask.cli.bench_sam2 import against_sam2

    if against is not None:
        against_sam2(against, rounds, threads, memory, as_json)
        return
    _cpu(rounds or 12, memory, as_json, model, threads)


def ort(
    rounds: int = typer.Option(
        5, "--rounds", min=1, metavar="N", help="Samples of each; their median counts."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
    threads: int | None = common.THREADS,
) -> None:
    """Time our ONNX graphs beside those of samexporter.

    SAM 2.1 tiny with drawn weights is exported by both, and each is run in turn through the same ONNX
    Runtime: encoding in float32 and int8, and a click. Then nano in int8 beside itself, and how far int8
    is off. Targets are those for 2 processor cores. scripts/install_samexporter.sh installs what it needs.
    """
    from splitmask.bench.pairs import Ratio
    from splitmask.cli.progress import frame_progress
    from splitmask.engine.ort import usable_cores
    from splitmask.errors import ModelError

    if find_spec("torch") is None or find_spec("onnx") is None:
        raise ModelError('bench ort exports models: pip install "splitmask[torch,onnx]"')
    from splitmask.bench.against_samexporter import measure, steps

    count = threads or usable_cores()
    warn_if_busy()
    with tempfile.TemporaryDirectory() as folder, frame_progress(common.console()) as progress:
        bar = progress.add_task("measuring", total=steps(rounds))
        ratios, agreements = measure(Path(folder), rounds, count, lambda: progress.advance(bar))
    from splitmask.onnx.agreement import Agreement

    found: list[Ratio | Agreement] = [*ratios, *agreements]
    if as_json:
        about = {"threads": count, "machine": platform.machine(), "rows": [row.to_json() for row in found]}
        common.say(json.dumps(about, indent=2))
        return
    heading = f"{'':<46} {'theirs':>12} {'ours':>12}"
    common.say(f"onnxruntime, {common.plural(count, 'thread')}", "", heading, *(row.line() for row in found))


def provider(
    provider: str | None = common.PROVIDER,
    rounds: int = typer.Option(20, "--rounds", min=2, metavar="N", help="Samples of each."),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
    model: str = common.MODEL,
    threads: int | None = common.THREADS,
) -> None:
    """Time a provider of ONNX Runtime beside the CPU.

    Encoding, clicking and tracking on the provider that was asked for, or on the one that is taken here by
    default, with why others were passed over, and how far the answer of each graph is from the CPU's.
    """
    from splitmask.bench.providers import measure, ticks
    from splitmask.cli.progress import frame_progress
    from splitmask.engine import graphs_of
    from splitmask.engine.ort import usable_cores
    from splitmask.errors import ModelError

    folder, count = graphs_of(model), threads or usable_cores()
    if folder is None:
        raise ModelError(f"{model} has no ONNX graphs: run `splitmask export-onnx {model} -o DIR` first")
    warn_if_busy()
    with frame_progress(common.console()) as progress:
        bar = progress.add_task("measuring", total=ticks(rounds))
        found = measure(folder, count, provider, rounds, lambda: progress.advance(bar))
    if as_json:
        about = {"threads": count, "machine": platform.machine(), **found.to_json()}
        common.say(json.dumps(about, indent=2))
        return
    common.say(*found.lines())


def _cpu(rounds: int, memory: bool, as_json: bool, model: str, threads: int | None) -> None:
    from splitmask.bench.matmul import Matmul
    from splitmask.bench.measure import Yardstick
    from splitmask.bench.report import Row, rows
    from splitmask.bench.stages import import_seconds, measure, steps
    from splitmask.cli.progress import frame_progress
    from splitmask.engine.ort import usable_cores

    count = threads or usable_cores()
    warn_if_busy()
    runner = common.load_engine(model, "ort", count)
    yardstick = Yardstick(Matmul(count))
    with frame_progress(common.console()) as progress:
        bar = progress.add_task("measuring", total=steps(rounds))
        times = measure(runner, yardstick, rounds, lambda: progress.advance(bar))
    found = rows(times, yardstick)
    if memory:
        found.append(Row("memory, frame 200 to 5,000", _memory(runner), "MB", target=30))
    found.append(Row("import splitmask", import_seconds(), "s", target=0.3))
    print_rows(found, runner.description, count, as_json)


def warn_if_busy() -> None:
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > _BUSY:
        typer.echo(f"note: other programs keep {busy:.1f} cores busy: times will come out too long", err=True)


def _memory(engine: Engine) -> float:
    from splitmask.bench.memory import LAST, growth_mb
    from splitmask.cli.progress import frame_progress

    with tempfile.TemporaryDirectory() as folder, frame_progress(common.console()) as progress:
        bar = progress.add_task("memory   ", total=LAST + 1)
        return growth_mb(engine, Path(folder), lambda: progress.advance(bar))


def print_rows(rows: list[Row], engine: str, threads: int, as_json: bool) -> None:
    """engine: what was measured, for people."""
    if not as_json:
        common.say(f"{engine}, {common.plural(threads, 'thread')}", "", *(row.line() for row in rows))
        return
    table: list[dict[str, Any]] = [
        {"name": r.name, "value": r.value, "unit": r.unit, "ms": r.ms, "target": r.target, "passed": r.passed}
        for r in rows
    ]
    about = {"engine": engine, "threads": threads, "machine": platform.machine(), "rows": table}
    common.say(json.dumps(about, indent=2))

"""`splitmask demo`: see it work, on a clip of its own making."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.demo.run import Report

_EXAMPLES = common.examples("splitmask demo", "splitmask demo -o somewhere --overwrite")


def register(app: typer.Typer) -> None:
    app.command("demo", help=common.help_of(demo), epilog=_EXAMPLES)(demo)


def demo(
    out: Path = typer.Option(Path("splitmask-demo"), "--out", "-o", metavar="DIR", help="Where results go."),
    model: str = common.MODEL,
    overwrite: bool = common.OVERWRITE,
    engine: str = common.ENGINE,
    threads: int | None = common.THREADS,
) -> None:
    """Render a short clip, track two objects from one click each, and score the masks.

    A ball rolls behind a tree, a balloon drifts out of the picture and comes back. What is right is
    known to the pixel, so the masks are scored: J is the overlap, F the agreement of the outlines, as in
    the DAVIS benchmark. Nothing is downloaded.

    Writes into DIR/: clip.mp4, overlay.mp4, contact-sheet.png, masks.json, result.json.
    """
    from splitmask.cli.progress import frame_progress
    from splitmask.cli.stopping import Stopper
    from splitmask.demo import run as demo_run
    from splitmask.demo.scene import Scene
    from splitmask.jobs.outputs import prepared

    with prepared(out, demo_run.TARGETS, overwrite):
        runner = common.load_engine(model, engine, threads)
        scene = Scene()
        with Stopper() as stopper, frame_progress(common.console()) as progress:
            drawing = progress.add_task("rendering", total=scene.length)
            truth = demo_run.render(scene, out / demo_run.CLIP, lambda: progress.advance(drawing))
            bar = progress.add_task("tracking ", total=scene.length)

            def tick() -> bool:
                progress.advance(bar)
                return not stopper.asked

            report = demo_run.run(runner, scene, truth, out, tick)
    common.say(runner.description)
    _report(report)
    raise typer.Exit(stopper.code)


def _report(report: Report) -> None:
    common.say("", f"  {'object':<9} {'click':<9} {'J&F':>6} {'J':>6} {'F':>6}")
    for name, score in report.scores.items():
        click = ",".join(map(str, report.clicks[name]))
        common.say(f"  {name:<9} {click:<9} {score.jf:6.3f} {score.j.mean:6.3f} {score.f.mean:6.3f}")
    folder = common.shown(report.folder)
    common.say(
        f"  {report.frames} frames at {report.rate:.1f} frames/s, two objects, with the video written",
        "",
        f"See {folder}/overlay.mp4 and {folder}/contact-sheet.png.",
        "",
        "Now yours: take any pixel of the object, counted from the top left corner, and type",
        "  splitmask track VIDEO.mp4 --point X,Y",
        "  splitmask segment PHOTO.jpg --point X,Y",
        f"The ball above, for example: splitmask track {folder}/clip.mp4 --point {_point(report, 'ball')}",
    )


def _point(report: Report, name: str) -> str:
    x, y = report.clicks[name]
    return f"{x},{y}"

"""`splitmask eval`: how good a model is on labelled data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from splitmask.engine import Engine
    from splitmask.eval.report import EvalReport
    from splitmask.eval.run import EvalOptions, Part, What
    from splitmask.eval.video import VideoPrompt
    from splitmask.train.readers import Problems

_WIDTH = 160
_EXAMPLES = common.examples(
    "splitmask eval DAVIS/ImageSets/2017/val.txt --what video --split all --prompt mask,click -o davis",
    "splitmask eval coco/annotations/instances_val2017.json --what clicks --split all --limit 500",
    "splitmask eval coco/ --what presence --prompt mask,click --limit 40",
    "splitmask eval SA-V/sav_val --what video --split all --model sam2.1-tiny.pt",
)


def register(app: typer.Typer) -> None:
    app.command("eval", help=common.help_of(eval_command), epilog=_EXAMPLES, no_args_is_help=True)(
        eval_command
    )


def eval_command(
    data: list[Path] = typer.Argument(
        ..., metavar="DATA...", help="A folder, tar, JSON or list of a known layout.", show_default=False
    ),
    what: str = typer.Option(
        "all",
        "--what",
        metavar="clicks|video|presence|all",
        help="Images, clips, things that go away and come back, or images and clips.",
    ),
    split: str = typer.Option(
        "held-out",
        "--split",
        metavar="held-out|train|all",
        help="Which samples: training never sees held-out ones.",
    ),
    limit: int | None = typer.Option(
        None, "--limit", min=1, metavar="N", help="Images and clips of each kind at most; all by default."
    ),
    kinds: str = typer.Option("", "--kinds", metavar="A,B", help="Only these kinds of data; all by default."),
    prompt: str = typer.Option(
        "mask,click,3clicks,box", "--prompt", metavar="A,B", help="What clips are tracked from."
    ),
    clicks: int = typer.Option(
        8, "--clicks", min=1, max=20, metavar="N", help="The most clicks on an object."
    ),
    objects: int = typer.Option(8, "--objects", min=1, metavar="N", help="The most objects of an image."),
    min_area: int = typer.Option(
        100, "--min-area", min=1, metavar="PIXELS", help="Smaller objects of images are left out."
    ),
    on_error: str = typer.Option(
        "skip", "--on-error", metavar="skip|raise", help="What to do with data that cannot be read."
    ),
    out: Path = common.OUT,
    model: str = common.MODEL,
    overwrite: bool = common.OVERWRITE,
    engine: str = common.ENGINE,
    device: str = common.DEVICE,
    precision: str = common.PRECISION,
    compiled: bool = common.COMPILE,
    threads: int | None = common.THREADS,
) -> None:
    """Measure a model on labelled images and clips.

    On images: IoU after 1, 2, … simulated clicks, each at the centre of the largest error, from a box,
    and the number of clicks to 85 and 90 % IoU. On clips: J, F and J&F as the DAVIS and SA-V evaluators
    define them, first and last frame left out, tracked from the first frame's mask, a click, three clicks
    or a box. For presence: on clips made of the images, in which a thing leaves the frame or is covered for
    eight frames and comes back, the share of frames on which the model is right that it is in view, or not.

    Reads COCO, SA-1B, SA-V, DAVIS, MOSE, YouTube-VOS and splitmask's own tars. Writes eval.json (every
    case), eval.md (the tables) and PNGs with the worst cases into DIR.
    """
    from splitmask.eval.report import JSON_FILE, MARKDOWN_FILE
    from splitmask.eval.run import CLICKS_PICTURE, VIDEO_PICTURE
    from splitmask.export import prepare_out_dir
    from splitmask.train.readers import Problems, detect_layout

    options = _options(what, split, limit, _words(kinds), _words(prompt), (clicks, objects, min_area))
    _one_of("--on-error", [on_error], ("skip", "raise"))
    problems = Problems("skip" if on_error == "skip" else "raise")
    for path in data:
        detect_layout(path)  # what is wrong with it is said before a model is loaded
    prepare_out_dir(out, (JSON_FILE, MARKDOWN_FILE, CLICKS_PICTURE, VIDEO_PICTURE), overwrite)
    runner = common.load_engine(model, engine, threads, None, device, precision, compiled)
    _show(_run(runner, data, options, problems, out), out)


def _options(
    what: str,
    part: str,
    limit: int | None,
    kinds: list[str],
    prompts: list[str],
    sizes: tuple[int, int, int],
) -> EvalOptions:
    from splitmask.eval.clicks import ClickOptions
    from splitmask.eval.run import EvalOptions, Part, What
    from splitmask.eval.video import VIDEO_PROMPTS

    _one_of("--what", [what], get_args(What))
    _one_of("--split", [part], get_args(Part))
    _one_of("--prompt", prompts, VIDEO_PROMPTS)
    clicks, objects, min_area = sizes
    return EvalOptions(
        what=cast("What", what),
        part=cast("Part", part),
        limit=limit,
        kinds=tuple(kinds),
        prompts=tuple(cast("list[VideoPrompt]", prompts)),
        clicks=ClickOptions(clicks=clicks, objects=objects, min_area=min_area),
    )


def _run(engine: Engine, data: list[Path], options: EvalOptions, problems: Problems, out: Path) -> EvalReport:
    from splitmask.cli.progress import frame_progress
    from splitmask.eval.run import run_eval

    with frame_progress(common.console()) as bars:
        tasks = {name: bars.add_task(name, total=None, visible=False) for name in ("clicks", "video")}

        def progress(name: str, done: int, total: int) -> None:
            bars.update(tasks[name], completed=done, total=total, visible=True)

        report, worst = run_eval(engine, data, options, problems, progress)
    report.write(out)
    worst.write(out)
    return report


def _show(report: EvalReport, out: Path) -> None:
    from rich.console import Console

    console = Console(width=_WIDTH, highlight=False)  # a narrow terminal wraps, but nothing is cut off
    console.print(f"{report.model}, {report.part} samples", markup=False)
    for sheet in report.sheets():
        console.print(sheet.rich())
    seconds = report.seconds
    if report.clicks:
        common.say(
            f"encode {seconds['encode'] * 1000:.0f} ms, click {seconds['click'] * 1000:.1f} ms on average"
        )
    for line in report.skipped[:10]:
        common.say(f"skipped: {line}")
    if report.skipped:
        common.say(f"{common.plural(len(report.skipped), 'problem')} in the data; all are in eval.json")
    common.say(f"{seconds['total']:.0f} s → {common.shown(out)}/")


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _one_of(option: str, values: Sequence[str], known: Sequence[str]) -> None:
    from splitmask.errors import DataError

    for value in values or [""]:
        if value not in known:
            raise DataError(f"{option} {value}: choose of {', '.join(known)}")

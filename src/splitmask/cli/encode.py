"""`splitmask encode`: pictures, or frames of a clip, as bundles that are decoded elsewhere."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from splitmask.cli import common

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from splitmask.bundle import Bundle, Dtype
    from splitmask.engine import Engine
    from splitmask.jobs.encoding import Target
    from splitmask.media import Clip

_EXAMPLES = common.examples(
    "splitmask encode truck.jpg",
    "splitmask encode shots/ more.zip --dtype int8 --zip -o bundles",
    "splitmask encode race.mp4 --frames 10,20:24 --prompts splitmask-out/race/result.json",
)

_NAMED = 5  # of the pictures that cannot be read

DTYPE = typer.Option("float16", "--dtype", metavar="float32|float16|int8", help="How features are stored.")
FRAMES = typer.Option(
    "", "--frames", metavar="LIST", help="Of a clip: frames such as 10,20:24, counted from 0."
)
PROMPTS = typer.Option(
    None,
    "--prompts",
    metavar="FILE",
    help="Of a clip: track what a result.json prompts, and put into the bundles what corrections need.",
)


def register(app: typer.Typer) -> None:
    app.command("encode", help=common.help_of(encode), epilog=_EXAMPLES, no_args_is_help=True)(encode)


def encode(
    sources: list[str] = typer.Argument(
        ..., metavar="IMAGE...", help="Images, folders or zips of images, patterns.", show_default=False
    ),
    dtype: str = DTYPE,
    zipped: bool = typer.Option(False, "--zip", help="Write each bundle as one compressed zip."),
    frames: str = FRAMES,
    prompts: Path | None = PROMPTS,
    out: Path = common.OUT,
    model: str = common.MODEL,
    overwrite: bool = common.OVERWRITE,
    engine: str = common.ENGINE,
    provider: str | None = common.PROVIDER,
    device: str = common.DEVICE,
    precision: str = common.PRECISION,
    compiled: bool = common.COMPILE,
    threads: int | None = common.THREADS,
) -> None:
    """Run the encoder here, so that clicks can be decoded anywhere.

    Writes a bundle into DIR/NAME/ (with --zip DIR/NAME.zip), NAME being the image's: embedding.bin (the
    features), manifest.json, preview.jpg. docs/bundle.md describes them; splitmask decode and the web page
    read them. Run again, it goes on where it stopped: finished bundles are left as they are.

    A picture that cannot be read is passed over and named at the end, with exit code 2.

    With --frames the one source is a video or folder of frames, and bundles go into DIR/NAME/000010/.
    """
    from splitmask.bundle import DTYPES
    from splitmask.errors import OutputError
    from splitmask.jobs.encoding import Target

    if dtype not in DTYPES:
        raise OutputError(f"--dtype {dtype}: choose one of {', '.join(DTYPES)}")
    load = partial(common.load_engine, model, engine, threads, provider, device, precision, compiled)
    target = Target(out, cast("Dtype", dtype), zipped, overwrite)
    if frames:
        _clip(sources, frames, prompts, target, load)
    elif prompts is not None:
        raise typer.BadParameter("--prompts is for frames of a clip: say which with --frames")
    else:
        _pictures(sources, target, load)


def _pictures(sources: list[str], target: Target, load: Callable[[], Engine]) -> None:
    from splitmask.cli.progress import frame_progress
    from splitmask.errors import MediaError
    from splitmask.jobs import encoding

    pictures = encoding.pictures(sources)
    engine = load()
    made, wrong = 0, list[MediaError]()
    with frame_progress(common.console()) as progress:
        bar = progress.add_task("encode", total=len(pictures))
        for picture in pictures:
            progress.advance(bar)
            try:
                bundle = encoding.encode(engine, picture, target)
            except MediaError as error:
                wrong.append(error)
                continue
            made += bundle is not None
            _report(picture.name, bundle, target.path(Path(picture.name).stem))
    _sum_up(made, len(pictures) - len(wrong))
    if wrong:
        raise MediaError("; ".join([*map(str, wrong[:_NAMED]), *_rest(len(wrong) - _NAMED)]))


def _rest(count: int) -> list[str]:
    return [f"and {count} more"] if count > 0 else []


def _clip(
    sources: list[str], frames: str, prompts: Path | None, target: Target, load: Callable[[], Engine]
) -> None:
    from splitmask.jobs import encoding
    from splitmask.media import open_clip

    if len(sources) != 1:
        raise typer.BadParameter("--frames is for one video or folder of frames; run each by itself")
    wanted = encoding.parse_frames(frames)
    with open_clip(Path(sources[0]).expanduser()) as clip:
        encoding.check_frames(wanted, clip)
        if prompts is None:
            bundles: Iterator[tuple[int, Bundle | None]] = encoding.encode_frames(
                load(), clip, wanted, target
            )
        else:
            bundles = _tracked(clip, wanted, prompts, target, load)
        made = 0
        for frame, bundle in bundles:
            name = encoding.frame_name(clip, frame)
            made += bundle is not None
            _report(f"{clip.name}, frame {frame}", bundle, target.path(name))
    _sum_up(made, len(wanted))


def _tracked(
    clip: Clip, frames: list[int], prompts: Path, target: Target, load: Callable[[], Engine]
) -> Iterator[tuple[int, Bundle | None]]:
    from splitmask.cli.progress import frame_progress
    from splitmask.jobs import encoding
    from splitmask.jobs.script import understand
    from splitmask.session import VideoSession

    script = understand([], prompts)
    encoding.plan(clip, frames, script)  # says what is wrong with it before a model is loaded
    engine, origins = load(), encoding.origins(clip, frames, script)
    done = {at for at in frames if target.is_done(encoding.frame_name(clip, at), engine, origins[at])}
    yield from ((frame, None) for frame in sorted(done))
    wanted = {frame: origin for frame, origin in origins.items() if frame not in done}
    if not wanted:
        return
    with ExitStack() as stack:
        session = stack.enter_context(VideoSession(engine, clip))
        progress = stack.enter_context(frame_progress(common.console()))
        bar = progress.add_task(clip.name, total=encoding.plan(clip, sorted(wanted), script).steps)

        def tick() -> bool:
            progress.advance(bar)
            return True

        tracked = encoding.TrackedFrames(session, clip, wanted, script.objects, target)
        yield from encoding.encode_tracked(tracked, script, tick)


def _report(name: str, bundle: Bundle | None, path: Path) -> None:
    if bundle is None:
        common.say(f"{name}: there already, {common.shown(path)}")
        return
    h, w = bundle.size
    files = [path] if path.is_file() else list(path.iterdir())
    size = sum(file.stat().st_size for file in files) / 1e6
    common.say(f"{name}: {w} × {h} → {common.shown(path)}, {size:.2f} MB")


def _sum_up(made: int, wanted: int) -> None:
    if wanted > 1:
        common.say(f"{common.plural(made, 'bundle')} written, {wanted - made} there already")

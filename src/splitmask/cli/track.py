"""`splitmask track`: masks through a video."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitmask.cli import common, ordered

if TYPE_CHECKING:
    from splitmask.jobs.encoding import TrackedFrames
    from splitmask.jobs.outputs import Outputs
    from splitmask.jobs.tracking import Direction, Plan
    from splitmask.media import Clip

_EXAMPLES = common.examples(
    "splitmask track dog.mp4 --point 640,360",
    "splitmask track race.mp4 --object red --frame 0 --point 100,200 --object blue --box 300,150,420,260",
    "splitmask track race.mp4 --frame 48 --point 310,205 --frames 24:96 --save png,overlay_mp4 -o out",
    "splitmask track race.mp4 --prompts out/race/result.json --frame 60 --point 90,210 --overwrite",
)

VIDEO = typer.Argument(
    ..., metavar="VIDEO", help="A video, animation or folder of frames.", show_default=False
)
PROMPTS = typer.Option(
    None, "--prompts", metavar="FILE", help="Prompts of an earlier result.json, or {version, prompts}."
)
FRAMES = typer.Option(
    ":",
    "--frames",
    metavar="A:B",
    help="Work on frames A to B-1 only, counted from 0; all by default.",
    show_default=False,
)
FORWARD = typer.Option(False, "--forward", help="Only from the prompts on, not back to the beginning.")
REVERSE = typer.Option(False, "--reverse", help="Only from the prompts back to the beginning.")
SAVE = typer.Option(
    "png,rle_json,overlay_mp4", "--save", metavar="LIST", help=f"What to write, of: {common.CLIP_EXPORTS}."
)
BUNDLES = typer.Option(
    "",
    "--bundles",
    metavar="LIST",
    help="Also write bundles of frames such as 10,20:24, to be corrected elsewhere: see encode.",
)


def register(app: typer.Typer) -> None:
    ordered.add_command(app, "track", track, _EXAMPLES)


def track(
    ctx: typer.Context,
    video: Path = VIDEO,
    point: list[str] = ordered.POINT,
    box: list[str] = ordered.BOX,
    mask: list[str] = ordered.MASK,
    object_: list[str] = ordered.OBJECT,
    frame: list[str] = ordered.FRAME,
    prompts: Path | None = PROMPTS,
    frames: str = FRAMES,
    forward: bool = FORWARD,
    reverse: bool = REVERSE,
    save: str = SAVE,
    bundles: str = BUNDLES,
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
    """Give a video and a click, get the object's mask on every frame.

    A prompt may be on any frame; the object is followed from there to the end and back to the beginning.
    Prompts on several frames correct each other. The order of options counts: what is said after
    --object and --frame is about that object on that frame.

    Writes into DIR/NAME/, NAME being the video's: masks/ (a black-and-white PNG per object and frame),
    masks.json (COCO run-length codes), overlay.mp4 (the objects tinted), result.json (all of it, with
    prompts and scores), and the bundles asked for. Ctrl-C leaves all of them whole, up to the last frame
    done; --prompts result.json runs it again.
    """
    from splitmask.jobs import encoding, outputs, tracking
    from splitmask.jobs.script import understand
    from splitmask.media import open_clip, parse_range
    from splitmask.session import VideoSession

    window = parse_range(frames)
    script = understand(ordered.words(ctx), prompts, window[0])
    wanted = outputs.exporters(save)
    folder = out / video.stem
    with ExitStack() as stack:
        clip = stack.enter_context(open_clip(video, frames=window))
        plan = tracking.plan(clip.span(), script, _direction(forward, reverse))
        kept = _frames(bundles, clip, plan)
        targets = [*outputs.targets(wanted), *(f"{frame:06d}" for frame in kept)]
        stack.enter_context(outputs.prepared(folder, targets, overwrite))
        runner = common.load_engine(model, engine, threads, provider, device, precision, compiled)
        session = stack.enter_context(VideoSession(runner, clip))
        tracking.prompt(session, script)
        target = encoding.Target(out, "float16", is_zip=False, overwrite=overwrite)
        origins = encoding.origins(clip, kept, script)
        run = _Run(plan, encoding.TrackedFrames(session, clip, origins, script.objects, target))
        run.write(outputs.Outputs(folder, outputs.clip_info(clip), script.objects, wanted))
    raise typer.Exit(run.code)


def _direction(forward: bool, reverse: bool) -> Direction:
    if forward and reverse:
        raise typer.BadParameter("--forward and --reverse exclude each other; without either both are done")
    return "forward" if forward else "reverse" if reverse else "both"


def _frames(bundles: str, clip: Clip, plan: Plan) -> list[int]:
    """Raises PromptError for frames that are not tracked."""
    from splitmask.errors import PromptError
    from splitmask.jobs import encoding

    frames = encoding.parse_frames(bundles) if bundles else []
    if frames:
        encoding.check_frames(frames, clip)
    for frame in frames:
        if frame not in plan.forward:
            raise PromptError(f"--bundles: frame {frame} is not tracked; widen --frames, or leave it out")
    return frames


@dataclass(slots=True)
class _Run:
    plan: Plan
    bundles: TrackedFrames
    code: int = 0
    seconds: float = 0.0

    def write(self, outputs: Outputs) -> None:
        """Tracks and writes until the end or a signal, and says what came of it."""
        from splitmask.cli.progress import frame_progress
        from splitmask.cli.stopping import Stopper
        from splitmask.jobs.outputs import save
        from splitmask.jobs.tracking import track

        start = time.perf_counter()
        with Stopper() as stopper:
            with outputs, frame_progress(common.console()) as progress:
                bar = progress.add_task(self.bundles.clip.name, total=self.plan.steps)

                def tick() -> bool:
                    progress.advance(bar)
                    return not stopper.asked

                for frame, result in track(self.bundles.session, self.bundles.clip, self.plan, tick):
                    outputs.add(frame, result, self.bundles.session)
                    self.bundles.passed(frame.index)
            self.code = stopper.code
            self.seconds = time.perf_counter() - start
            save(outputs, self.bundles.session, self.bundles.clip, complete=not stopper.asked)
        self._report(outputs)

    def _report(self, outputs: Outputs) -> None:
        done = len(outputs.frames)
        frames = f"{'stopped after ' if self.code else ''}{common.plural(done, 'frame')}"
        size = f"{self.bundles.clip.width} × {self.bundles.clip.height}"
        rate = done / max(self.seconds, 1e-9)
        common.say(f"{self.bundles.clip.name}: {frames} of {size}, {self.seconds:.1f} s, {rate:.1f} frames/s")
        for info in outputs.objects:
            masks = [mask for frame in outputs.frames for mask in frame.objects if mask.id == info.id]
            scores = [mask.score for mask in masks if mask.presence > 0]
            where = f"in {len(scores)} of {common.plural(len(masks), 'frame')}"
            common.say(f"  {info.name}: {where}, mean score {sum(scores) / max(1, len(scores)):.2f}")
        common.say(f"→ {common.shown(outputs.folder)}/")
        for note in self.bundles.clip.notes:
            typer.echo(f"note: {note}", err=True)

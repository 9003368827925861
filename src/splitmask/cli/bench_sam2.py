"""`splitmask bench cpu --against sam2`: our tracker beside the official one."""

from __future__ import annotations

from importlib.util import find_spec

from splitmask.cli import common
from splitmask.errors import ModelError


def against_sam2(against: str, rounds: int | None, threads: int | None, memory: bool, as_json: bool) -> None:
    """Raises ModelError where there is nothing to compare with."""
    from splitmask.cli.bench import print_rows, warn_if_busy
    from splitmask.cli.progress import frame_progress

    if against != "sam2":
        raise ModelError(f"cannot measure against {against!r}: --against takes sam2")
    if find_spec("torch") is None or find_spec("sam2") is None:
        raise ModelError("the official sam2 package is not installed: run scripts/install_sam2.sh")
    from splitmask.bench import against_sam2 as bench
    from splitmask.bench.against_sam2_memory import FRAMES, memory_against_sam2

    warn_if_busy()
    about, count = bench.prepare_torch(threads)
    frames = rounds or bench.FRAMES
    with frame_progress(common.console()) as progress:
        bar = progress.add_task("measuring", total=bench.steps(frames))
        rows = bench.against_sam2(frames, tick=lambda: progress.advance(bar))
    rows += memory_against_sam2(tracked=FRAMES if memory else bench.WARM_UP)
    print_rows(rows, about, count, as_json)

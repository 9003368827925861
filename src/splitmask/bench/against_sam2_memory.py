"""The most memory that our tracker and the official one hold, each in a process of its own.

The official one reads all frames at once, and grows by what it keeps of each; ours does not grow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from splitmask.bench.against_sam2 import WARM_UP, Side, official_predictor, our_predictor, write_clip
from splitmask.bench.memory import peak_mb
from splitmask.bench.report import Row

FRAMES = 300
_HALF = torch.bfloat16


def memory_against_sam2(frames: int = FRAMES, tracked: int = WARM_UP, image_size: int = 1024) -> list[Row]:
    """Peak memory of tracking one object in a clip of so many frames, of which the first few are tracked.

    Both in bfloat16, as the official examples do it. Tracking only a few is in favour of the official
    package, which keeps growing. Raises ModelError where it is not installed.
    """
    official_predictor(image_size)
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        write_clip(Path(folder), frames)
        for name in ("sam2", "splitmask"):
            command = [sys.executable, "-m", __name__, name, folder, str(tracked), str(image_size)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[name] = float(done.stdout.split()[-1])
    share = peaks["splitmask"] / peaks["sam2"]
    what = f"peak memory, {tracked} of {frames} frames"
    return [
        Row(f"sam2, {what}", peaks["sam2"], "MB"),
        Row(f"splitmask, {what}", peaks["splitmask"], "MB"),
        Row("share of the official one", share, "×", target=0.25),
    ]


def print_peak(name: str, folder: str, tracked: str, image_size: str) -> None:
    """For a process of its own: tracks and prints the most memory it has held, in MB."""
    size = int(image_size)
    if name == "sam2":
        side = Side(name, official_predictor(size), _HALF)
    else:
        side = Side(name, our_predictor(dtype=_HALF, image_size=size))
    for i, _ in enumerate(side.run(Path(folder), objects=1), 1):
        if i == int(tracked):
            break
    print(peak_mb())


if __name__ == "__main__":
    print_peak(*sys.argv[1:])

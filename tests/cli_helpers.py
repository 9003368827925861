"""The command line as a caller sees it, with a model small enough to run it many times."""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnx_helpers import redrawn
from splitmask.cli import main
from splitmask.onnx.package import package
from splitmask.presets import TEST_CONV

SCRIPT = "import sys; from splitmask.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of a user error."""
        assert self.code == 2, self
        assert self.err.startswith("splitmask: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("splitmask: ").strip()


@cache
def small_model() -> str:
    """A folder with graphs of a few thousand parameters, all random."""
    folder = tempfile.mkdtemp(prefix="splitmask-test-model-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package(redrawn(TEST_CONV), folder)
    return folder


def splitmask(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """Runs the command line in this process."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        code = main([str(word) for word in words])
    finally:
        signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    return Outcome(code, out, err)


def started(*words: object) -> subprocess.Popen[str]:
    """Starts it in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too, by their path from it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def photo(path: Path, width: int = 90, height: int = 60) -> Path:
    """A picture with a bright disc left of its middle."""
    rows, columns = np.indices((height, width))
    image = np.stack([columns * 2, rows * 3, np.full_like(rows, 60)], -1).astype(np.uint8)
    image[np.hypot(rows - height / 2, columns - width / 3) < height / 4] = (250, 220, 40)
    Image.fromarray(image).save(path)
    return path

"""Our tracker beside the official `sam2` package: the same clip, weights and prompts, frame by frame in turn.

The official package is no part of splitmask; `scripts/install_sam2.sh` installs it. Both sides track with
drawn weights: the time that a frame takes does not depend on what a model has learned.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splitmask.bench.report import Row
from splitmask.compat.sam2 import SAM2VideoPredictor, build_sam2_video_predictor
from splitmask.demo.scene import Scene
from splitmask.errors import ModelError

CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"
WARM_UP = 8  # frames until all memories are in use
FRAMES = 4  # timed after them
_SIZE = (1280, 720)

Tick = Callable[[], object]

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor",
)
_libraries: list[torch.library.Library] = []


def prepare_torchvision() -> None:
    """Declares the operators that torchvision's registrations expect and its PyPI wheel lacks on CPUs."""
    if not _libraries:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            with contextlib.suppress(RuntimeError):
                library.define(operator)  # type: ignore[no-untyped-call]
        _libraries.append(library)


class Float32Torch:
    """torch, but for the half precision that the official video predictor keeps memories in, with which
    nothing but autocast works."""

    @property
    def bfloat16(self) -> torch.dtype:
        return torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A frame tracked."""

    ms: float
    masks: Tensor  # (objects, 1, H, W) bool


@dataclass(slots=True)
class Side:
    """One tracker in one precision. autocast: as the official examples do it."""

    name: str
    model: Any
    autocast: torch.dtype | None = None
    ms: list[float] = field(default_factory=list)

    def run(self, video: Path, objects: int) -> Iterator[Step]:
        """Frame after frame."""
        with self._precision():
            state = self.model.init_state(str(video))
            for i in range(objects):
                point = [200 + 150 * i, 200 + 60 * i]
                self.model.add_new_points_or_box(state, 0, i, points=[point], labels=[1])
            frames = self.model.propagate_in_video(state)
        while True:
            start = time.perf_counter()
            with self._precision():
                answer = next(frames, None)
            if answer is None:
                return
            yield Step((time.perf_counter() - start) * 1000, (answer[2] > 0).cpu())

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self.autocast is None else torch.autocast("cpu", self.autocast)


def prepare_torch(threads: int | None) -> tuple[str, int]:
    """threads: all by default → what is measured, for people, and how many threads there are."""
    if threads:
        torch.set_num_threads(threads)
    return f"sam2.1-tiny · torch {torch.__version__.split('+')[0]}", torch.get_num_threads()


def official_predictor(image_size: int = 1024) -> Any:
    """The official tiny video predictor with drawn weights. Raises ModelError if it is not installed."""
    prepare_torchvision()
    try:
        import sam2.sam2_video_predictor as module
        import sam2.utils.misc as misc
        from sam2.build_sam import build_sam2_video_predictor as build
    except ImportError:
        raise ModelError("the official package is not installed: run scripts/install_sam2.sh") from None
    for each in (module, misc):
        each.tqdm = lambda frames, **_: frames
    module.torch = Float32Torch()
    torch.manual_seed(0)
    predictor = build(CONFIG, device="cpu", hydra_overrides_extra=[f"++model.image_size={image_size}"])
    predictor.fill_hole_area = 0  # it can do this only with its CUDA extension
    return predictor


def our_predictor(
    state: dict[str, torch.Tensor] | None = None, dtype: torch.dtype = torch.float32, image_size: int = 1024
) -> SAM2VideoPredictor:
    """The same of ours, with the same weights where a state is given."""
    overrides = [f"++model.image_size={image_size}"]
    predictor = build_sam2_video_predictor(CONFIG, device="cpu", hydra_overrides_extra=overrides)
    predictor.fill_hole_area = 0
    if state is not None:
        predictor.load_state_dict(state)
    return predictor.to(dtype)


def against_sam2(
    frames: int = FRAMES, objects: tuple[int, ...] = (1, 5), image_size: int = 1024, tick: Tick = lambda: None
) -> list[Row]:
    """Times of a tracked 720p frame; targets are shares of the official float32 time.

    frames: how many are timed, after `WARM_UP`; objects: tracked at once, five rows for each; image_size:
    of the model, which is made for 1024. tick is called `steps` times. Raises ModelError where the
    official package is not installed.
    """
    official = official_predictor(image_size)
    state = official.state_dict()
    ours = {dtype: our_predictor(state, dtype, image_size) for dtype in (torch.float32, torch.bfloat16)}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        video = write_clip(Path(folder), WARM_UP + frames)
        for count in objects:
            sides = [
                Side("sam2, float32", official),
                Side("splitmask, float32", ours[torch.float32]),
                Side("sam2, bfloat16", official, torch.bfloat16),
                Side("splitmask, bfloat16", ours[torch.bfloat16]),
            ]
            overlaps = _measure(sides, video, count, tick)
            found += _rows(sides, count, overlaps)
    return found


def steps(frames: int = FRAMES, objects: tuple[int, ...] = (1, 5)) -> int:
    """How often `against_sam2` ticks."""
    return (WARM_UP + frames) * len(objects)


def _measure(sides: list[Side], video: Path, objects: int, tick: Tick) -> list[float]:
    """All sides on the same frame, one after the other, so that all meet the same machine → IoU of our
    masks in half precision with those in full, for each frame and object."""
    overlaps: list[float] = []
    for i, taken in enumerate(zip(*(side.run(video, objects) for side in sides), strict=True)):
        for side, step in zip(sides, taken, strict=True):
            if i >= WARM_UP:
                side.ms.append(step.ms)
        overlaps += _overlaps(taken[1].masks, taken[3].masks)
        tick()
    return overlaps


def _overlaps(masks: Tensor, others: Tensor) -> list[float]:
    """(b, 1, H, W) bool twice → b IoUs; 1 where both are empty."""
    both = (masks & others).flatten(1).sum(dim=1)
    either = (masks | others).flatten(1).sum(dim=1)
    return torch.where(either > 0, both / either.clamp(min=1), 1.0).tolist()


# the most of the official float32 time that a frame may take, by objects and precision
_TARGETS = {
    (1, "splitmask, float32"): 1 / 1.15,
    (5, "splitmask, float32"): 1 / 1.3,
    (1, "splitmask, bfloat16"): 1 / 2.5,
}


def has_bfloat16() -> bool:
    """Whether the processor multiplies matrices in bfloat16; elsewhere float32 is faster."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(present for name, present in known.items() if "bf16" in name)


def _rows(sides: list[Side], objects: int, overlaps: list[float]) -> list[Row]:
    many = "one object" if objects == 1 else f"{objects} objects"
    rows = []
    for side in sides:
        share = statistics.median(a / b for a, b in zip(side.ms, sides[0].ms, strict=True))
        is_fair = "bfloat16" not in side.name or has_bfloat16()
        target = _TARGETS.get((objects, side.name)) if is_fair else None
        rows.append(Row(f"{side.name}, {many}", share, "×", statistics.median(side.ms), target))
    name = f"IoU of bfloat16, {many}"
    return [*rows, Row(name, statistics.mean(overlaps), "", target=0.99, at_least=True)]


def write_clip(folder: Path, frames: int) -> Path:
    """The demo's scene as JPEG files, which is what the official package reads."""
    shots = list(Scene(*_SIZE, length=min(frames, 48)).shots())
    there_and_back = shots + shots[-2:0:-1]
    for i in range(frames):
        picture = Image.fromarray(np.asarray(there_and_back[i % len(there_and_back)].image))
        picture.save(folder / f"{i:05d}.jpg", quality=95)
    return folder

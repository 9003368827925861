"""What a tracked clip leaves in its folder: the exports asked for, and `result.json`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from splitmask.engine import Engine
from splitmask.errors import OutputError
from splitmask.export import EXPORTERS, ClipInfo, Exporter, Writer, prepare_out_dir
from splitmask.masks import rle
from splitmask.masks.resize import logits_to_mask
from splitmask.media import Clip
from splitmask.result import (
    FrameRecord,
    ModelInfo,
    ObjectInfo,
    ObjectMask,
    PromptRecord,
    Result,
    Source,
    save_result,
)
from splitmask.session import FrameResult, VideoSession
from splitmask.types import BoolArray, Frame, Mask

RESULT = "result.json"


def exporters(names: str) -> list[Exporter]:
    """`png,rle_json` → rows of the table of exports. Raises OutputError for a name that is not there."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in EXPORTERS:
            raise OutputError(f"--save {name}: there is no such export; choose of {', '.join(EXPORTERS)}")
    return [EXPORTERS[name] for name in dict.fromkeys(wanted)]


def targets(wanted: Sequence[Exporter]) -> list[str]:
    """What a tracked clip leaves in its folder."""
    return [*(exporter.target for exporter in wanted), RESULT]


@contextmanager
def prepared(folder: Path, targets: Iterable[str], overwrite: bool) -> Iterator[None]:
    """Makes the folder before anything is computed; if an error leaves it empty, it goes again.

    Raises OutputError where results could not be written, or would replace earlier ones unasked.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        prepare_out_dir(folder, targets, overwrite)
        yield
    except BaseException:
        with suppress(OSError):
            for path in made:
                path.rmdir()
        raise


def remove(target: Path) -> None:
    """A file or folder that this run has made."""
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)


def clip_info(clip: Clip) -> ClipInfo:
    return ClipInfo(clip.name, clip.height, clip.width, clip.rate, clip.time_base)


def object_mask(object_id: int, mask: Mask, pixels: BoolArray, prompted: bool) -> ObjectMask:
    """One object on one frame, as `result.json` has it. pixels: (H, W), the mask at the frame's size."""
    return ObjectMask(object_id, rle.encode(pixels), mask.score, mask.presence, prompted)


def model_info(engine: Engine) -> ModelInfo:
    return ModelInfo(engine.preset.name, engine.weights_sha256)


@dataclass(slots=True)
class Outputs:
    """The exports under way and the frames of `result.json`. Use it in a `with` block.

    An error discards everything; the end, or Ctrl-C, keeps what was written.
    """

    folder: Path
    clip: ClipInfo
    objects: Sequence[ObjectInfo]
    exporters: Sequence[Exporter]
    frames: list[FrameRecord] = field(default_factory=list)
    _writers: list[Writer] = field(default_factory=list)

    def __enter__(self) -> Outputs:
        try:
            for exporter in self.exporters:
                self._writers.append(exporter.open(self.folder, self.clip, self.objects))
        except BaseException:
            self._discard()
            raise
        return self

    def add(self, frame: Frame, result: FrameResult | None, session: VideoSession) -> None:
        """The next frame, in presentation order; without a result no object is shown on it."""
        found = {} if result is None else result.masks
        masks = {key: logits_to_mask(mask.logits, mask.size) for key, mask in found.items()}
        present = {key: pixels for key, pixels in masks.items() if found[key].presence > 0}
        for writer in self._writers:
            writer.add(frame, present)
        if result is not None:
            objects = tuple(
                object_mask(key, mask, masks[key], session.is_prompted(key, frame.index))
                for key, mask in found.items()
            )
            self.frames.append(FrameRecord(frame.index, self._ticks(frame), objects))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._discard()
            return
        for done, writer in enumerate(self._writers):
            try:
                writer.close()
            except BaseException:
                self._discard()
                for finished in self._writers[:done]:
                    remove(finished.target)
                raise

    def _ticks(self, frame: Frame) -> int | None:
        return None if frame.pts is None else round(frame.pts / self.clip.time_base)

    def _discard(self) -> None:
        for writer in self._writers:
            writer.discard()


def save(outputs: Outputs, session: VideoSession, clip: Clip, complete: bool) -> Path:
    """Writes `result.json`. Raises OutputError."""
    engine = session.engine
    source = Source(
        clip.name, clip.sha256(), clip.width, clip.height, clip.count(), clip.time_base, clip.rotation
    )
    prompts = (PromptRecord.of(frame, key, each) for (key, frame), each in session.prompts.items())
    path = outputs.folder / RESULT
    frames = tuple(outputs.frames)
    save_result(
        path, Result(source, model_info(engine), tuple(outputs.objects), tuple(prompts), frames, complete)
    )
    return path

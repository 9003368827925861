"""`result.json`, version 1: every prompt given and every mask found, of one image or clip.

Frame indices are 0-based in presentation order, coordinates are pixels of the upright frame (x, y),
masks are COCO run-length codes of the frame's size. Fields that are not known are ignored, so that
a newer minor addition does not lock anyone out; what is known must be right, and an error names the
field's path, e.g. `frames[3].objects[0].rle.size`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.errors import MaskError, ResultError
from splitmask.files import write_bytes
from splitmask.jsonfield import Field
from splitmask.masks import rle
from splitmask.masks.rle import Rle
from splitmask.types import Prompt

FORMAT = "splitmask.result"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """The image or clip: upright size in pixels, number of frames, seconds per tick of `pts`."""

    name: str
    sha256: str
    width: int
    height: int
    frames: int
    time_base: Fraction = Fraction(1)
    rotation: int = 0  # degrees that the container asked for, already applied

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sha256": self.sha256,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "timeBase": [self.time_base.numerator, self.time_base.denominator],
            "rotation": self.rotation,
        }


@dataclass(frozen=True, slots=True)
class ModelInfo:
    name: str
    weights_sha256: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "weightsSha256": self.weights_sha256}


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One tracked object; `color` is `#rrggbb`."""

    id: int
    name: str
    color: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "color": self.color}


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """All that was said of one object on one frame."""

    frame: int
    object_id: int
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()  # one per point: 1 in, 0 out
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1
    mask: Rle | None = None

    @classmethod
    def of(cls, frame: int, object_id: int, prompt: Prompt) -> PromptRecord:
        """The record of a prompt as sessions take it."""
        return cls(
            frame,
            object_id,
            tuple((float(x), float(y)) for x, y in prompt.points),
            tuple(int(label) for label in prompt.labels),
            None if prompt.box is None else _box(float(value) for value in prompt.box),
            None if prompt.mask is None else rle.encode(prompt.mask),
        )

    def to_prompt(self) -> Prompt:
        """The prompt as sessions take it."""
        return Prompt(
            np.array(self.points, np.float32).reshape(-1, 2),
            np.array(self.labels, np.int32),
            None if self.box is None else np.array(self.box, np.float32),
            None if self.mask is None else rle.decode(self.mask),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "frame": self.frame,
            "object": self.object_id,
            "points": [list(point) for point in self.points],
            "labels": list(self.labels),
            "box": None if self.box is None else list(self.box),
            "mask": None if self.mask is None else self.mask.to_json(),
        }


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object on one frame; `presence` is a logit, ≤ 0 where the object is not in the frame."""

    id: int
    rle: Rle
    score: float
    presence: float
    prompted: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "rle": self.rle.to_json(),
            "score": float(self.score),
            "presence": float(self.presence),
            "prompted": self.prompted,
        }


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """`pts` in ticks of the source's time base from the clip's start; None for stills."""

    index: int
    pts: int | None
    objects: tuple[ObjectMask, ...]

    def to_json(self) -> dict[str, Any]:
        return {"index": self.index, "pts": self.pts, "objects": [mask.to_json() for mask in self.objects]}


@dataclass(frozen=True, slots=True)
class Result:
    """A whole `result.json`. `complete` is False where the run was stopped before its end."""

    source: Source
    model: ModelInfo
    objects: tuple[ObjectInfo, ...]
    prompts: tuple[PromptRecord, ...]
    frames: tuple[FrameRecord, ...]
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "source": self.source.to_json(),
            "model": self.model.to_json(),
            "objects": [item.to_json() for item in self.objects],
            "prompts": [prompt.to_json() for prompt in self.prompts],
            "frames": [frame.to_json() for frame in self.frames],
            "complete": self.complete,
        }


def from_json(value: Any) -> Result:
    """Parsed JSON → checked Result.

    Raises ResultError whose message names the field's path.
    """
    top = Field(value, "")
    if top["format"].text() != FORMAT:
        raise ResultError(f"format: expected {FORMAT!r}, found {top['format'].value!r}")
    _check_version(top)
    source = _source(top["source"])
    objects = tuple(_object(item) for item in top["objects"].items())
    known = {item.id for item in objects}
    size = (source.height, source.width)
    return Result(
        source,
        ModelInfo(top["model"]["name"].text(), top["model"]["weightsSha256"].text()),
        objects,
        tuple(_prompt(item, known, size) for item in top["prompts"].items()),
        tuple(_frame(item, known, size) for item in top["frames"].items()),
        top["complete"].boolean(),
    )


def prompts_from_json(value: Any) -> tuple[PromptRecord, ...]:
    """`{version, prompts}`, or a whole result, → its prompts. Raises ResultError."""
    top = Field(value, "")
    _check_version(top)
    return tuple(_prompt(item, None, None) for item in top["prompts"].items())


def load_result(path: Path) -> Result:
    """Reads a `result.json`. Raises ResultError: one line with the file and the field."""
    value = _read(path)
    try:
        return from_json(value)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None


def load_prompts(path: Path) -> tuple[PromptRecord, ...]:
    """Reads the prompts of a file `{version, prompts}` or of a whole `result.json`. Raises ResultError."""
    value = _read(path)
    try:
        return prompts_from_json(value)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None


def save_result(path: Path, result: Result) -> None:
    """Writes a `result.json` whole or not at all. Raises OutputError."""
    write_bytes(path, json.dumps(result.to_json(), separators=(",", ":"), allow_nan=False).encode())


def _check_version(top: Field) -> None:
    if top["version"].integer() != VERSION:
        raise ResultError(f"version: this splitmask reads version {VERSION}, found {top['version'].value}")


def _source(field: Field) -> Source:
    numerator, denominator = field["timeBase"].items(2)
    return Source(
        field["name"].text(),
        field["sha256"].text(),
        field["width"].integer(1),
        field["height"].integer(1),
        field["frames"].integer(),
        Fraction(numerator.integer(1), denominator.integer(1)),
        field["rotation"].integer(-360),
    )


def _object(field: Field) -> ObjectInfo:
    color = field["color"]
    if not re.fullmatch("#[0-9a-fA-F]{6}", color.text()):
        raise color.fail("a colour as #rrggbb")
    return ObjectInfo(field["id"].integer(), field["name"].text(), color.text())


def _prompt(field: Field, known: set[int] | None, size: tuple[int, int] | None) -> PromptRecord:
    points = tuple(_point(item) for item in field.get("points", []).items())
    labels = tuple(_label(item) for item in field.get("labels", []).items())
    if len(labels) != len(points):
        raise ResultError(f"{field.path}.labels: {len(labels)} labels for {len(points)} points")
    box, mask = field.get("box", None), field.get("mask", None)
    return PromptRecord(
        field["frame"].integer(),
        _object_id(field["object"], known),
        points,
        labels,
        None if box.value is None else _box(item.number() for item in box.items(4)),
        None if mask.value is None else _rle(mask, size),
    )


def _point(field: Field) -> tuple[float, float]:
    x, y = field.items(2)
    return x.number(), y.number()


def _label(field: Field) -> int:
    if type(field.value) is not int or field.value not in (0, 1):
        raise field.fail("1 (in) or 0 (out)")
    return field.value


def _box(values: Iterable[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _frame(field: Field, known: set[int], size: tuple[int, int]) -> FrameRecord:
    pts = field["pts"]
    if pts.value is not None and type(pts.value) is not int:
        raise pts.fail("an integer or null")
    masks = tuple(_object_mask(item, known, size) for item in field["objects"].items())
    return FrameRecord(field["index"].integer(), pts.value, masks)


def _object_mask(field: Field, known: set[int], size: tuple[int, int]) -> ObjectMask:
    return ObjectMask(
        _object_id(field["id"], known),
        _rle(field["rle"], size),
        field["score"].number(),
        field["presence"].number(),
        field["prompted"].boolean(),
    )


def _object_id(field: Field, known: set[int] | None) -> int:
    if known is not None and field.integer() not in known:
        raise ResultError(f"{field.path}: {field.value} is not the id of any of the objects")
    return field.integer()


def _rle(field: Field, size: tuple[int, int] | None) -> Rle:
    try:
        code = rle.from_json(field.value, field.path)
    except MaskError as error:
        raise ResultError(str(error)) from None
    if size is not None and code.size != size:
        raise ResultError(f"{field.path}.size: {list(code.size)} is not the source's {list(size)}")
    return code


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path} is not JSON: {error}") from None

"""`manifest.json`, version 1: what embedding.bin holds, and of which picture and model. docs/bundle.md
is its description."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitmask.bundle.tensors import TensorEntry, check_apart, entry_from_json
from splitmask.errors import BundleError, ResultError
from splitmask.jsonfield import Field
from splitmask.presets import Preset
from splitmask.result import ObjectInfo, PromptRecord, prompts_from_json

VERSION = 1
LONGEST = 16 << 20  # bytes
MOST_PIXELS = 1 << 28  # of the picture, which is drawn on
FEATURES = ("image_embed", "high_res_feats_0", "high_res_feats_1")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How the picture became the model's square; it was stretched, not letterboxed."""

    size: int  # side of the square
    resize: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, preset: Preset) -> Preprocess:
        return cls(preset.image_size, preset.resize, preset.mean, preset.std)

    def to_json(self) -> dict[str, Any]:
        mean, std = list(self.mean), list(self.std)
        return {"size": self.size, "layout": "stretched", "resize": self.resize, "mean": mean, "std": std}


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that was encoded. frame: which of a clip's `frames`; None for a still.

    prompts: a digest of what was tracked to get there; None where nothing was.
    """

    name: str
    sha256: str
    frame: int | None = None
    frames: int = 1
    prompts: str | None = None

    def to_json(self) -> dict[str, Any]:
        made = {"name": self.name, "sha256": self.sha256, "frame": self.frame, "frames": self.frames}
        return made if self.prompts is None else made | {"promptsSha256": self.prompts}


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One tracked object on the frame; its tensors by name, None where it has none."""

    info: ObjectInfo
    image_embed: str | None
    logits: str | None
    presence: float
    score: float

    def to_json(self) -> dict[str, Any]:
        return {
            **self.info.to_json(),
            "imageEmbed": self.image_embed,
            "logits": self.logits,
            "presence": self.presence,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    tensors: Mapping[str, TensorEntry]
    size: tuple[int, int]  # (H, W) of the picture
    model: str = ""  # "": not said
    weights_sha256: str = ""
    preprocess: Preprocess | None = None
    origin: Origin | None = None
    objects: tuple[ObjectEntry, ...] = ()
    prompts: tuple[PromptRecord, ...] = ()

    @property
    def end(self) -> int:
        """Bytes of embedding.bin."""
        return max(entry.end for entry in self.tensors.values())

    @property
    def dtype(self) -> str:
        """Of the features."""
        return self.tensors[FEATURES[0]].dtype

    def to_bytes(self) -> bytes:
        return (json.dumps(self._to_json(), indent=1, allow_nan=False) + "\n").encode()

    def _to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "model": self.model,
            "weightsSha256": self.weights_sha256,
            "originalWidth": self.size[1],
            "originalHeight": self.size[0],
            "preprocess": None if self.preprocess is None else self.preprocess.to_json(),
            "source": None if self.origin is None else self.origin.to_json(),
            "tensors": {name: entry.to_json() for name, entry in self.tensors.items()},
            "objects": [entry.to_json() for entry in self.objects],
            "prompts": [prompt.to_json() for prompt in self.prompts],
        }


def parse(data: bytes) -> Manifest:
    """Raises BundleError: not JSON, another version, or a field that is missing or wrong, by its path."""
    if len(data) > LONGEST:
        raise BundleError(f"manifest.json is longer than {LONGEST >> 20} MiB; encode the picture again")
    try:
        return _from_json(Field(json.loads(data), ""))
    except ResultError as error:
        raise BundleError(f"manifest.json: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is damaged ({error}); copy the bundle again") from error


def _from_json(root: Field) -> Manifest:
    version = root.get("version", VERSION)
    if version.value != VERSION:
        raise BundleError(
            f"the bundle has version {version.integer()}, this splitmask reads {VERSION}: "
            "encode the picture again, or upgrade"
        )
    tensors = _tensors(root["tensors"])
    preprocess, origin = root.get("preprocess", None), root.get("source", None)
    prompts = {"version": 1, "prompts": root.get("prompts", []).value}  # in the form of result.json
    return Manifest(
        tensors,
        _size(root),
        root.get("model", "").text(),
        root.get("weightsSha256", "").text(),
        None if preprocess.value is None else _preprocess(preprocess),
        None if origin.value is None else _origin(origin),
        tuple(_object(item, tensors) for item in root.get("objects", []).items()),
        _prompts(prompts, _size(root)),
    )


def _size(root: Field) -> tuple[int, int]:
    height, width = root["originalHeight"], root["originalWidth"]
    if height.integer(1) * width.integer(1) > MOST_PIXELS:
        raise width.fail(f"a picture of at most {MOST_PIXELS} pixels")
    return height.integer(1), width.integer(1)


def _prompts(value: Any, size: tuple[int, int]) -> tuple[PromptRecord, ...]:
    prompts = prompts_from_json(value)
    for at, prompt in enumerate(prompts):
        if prompt.mask is not None and prompt.mask.size != size:
            raise BundleError(f"manifest.json: prompts[{at}].mask is not of the picture's size")
    return prompts


def _tensors(field: Field) -> dict[str, TensorEntry]:
    for name in FEATURES:
        field[name]  # has to be there
    tensors = {name: entry_from_json(field[name]) for name in field.value}
    check_apart(tensors)
    return tensors


def _preprocess(field: Field) -> Preprocess:
    layout = field.get("layout", "stretched")
    if layout.value != "stretched":
        raise layout.fail('"stretched": in pictures laid out otherwise a click would mean another place')
    mean, std = (tuple(item.number() for item in field[name].items(3)) for name in ("mean", "std"))
    return Preprocess(field["size"].integer(1), field["resize"].text(), mean, std)


def _origin(field: Field) -> Origin:
    frame = field.get("frame", None)
    number = None if frame.value is None else frame.integer()
    name = field["name"]
    if not name.text().isprintable() or Path(name.text()).name != name.text():
        raise name.fail("the name of a file, without a folder")
    prompts = field.get("promptsSha256", None)
    said = None if prompts.value is None else prompts.text()
    return Origin(name.text(), field["sha256"].text(), number, field.get("frames", 1).integer(1), said)


def _object(field: Field, tensors: Mapping[str, TensorEntry]) -> ObjectEntry:
    color = field["color"]
    if not re.fullmatch("#[0-9a-fA-F]{6}", color.text()):
        raise color.fail("a colour as #rrggbb")
    info = ObjectInfo(field["id"].integer(), field["name"].text(), color.text())
    embed, logits = (_tensor_name(field.get(key, None), tensors) for key in ("imageEmbed", "logits"))
    return ObjectEntry(info, embed, logits, field["presence"].number(), field["score"].number())


def _tensor_name(field: Field, tensors: Mapping[str, TensorEntry]) -> str | None:
    if field.value is not None and field.text() not in tensors:
        raise field.fail("the name of one of the tensors")
    return None if field.value is None else field.text()

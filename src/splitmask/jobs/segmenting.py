"""One image and what was said of it → masks, and the files that show them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from splitmask.effects import Layer, color_of, labelled, overlay, rgb
from splitmask.engine import Engine
from splitmask.errors import OutputError
from splitmask.export import ClipInfo, Exporter
from splitmask.files import write_bytes
from splitmask.jobs import outputs
from splitmask.jobs.script import Said, Script
from splitmask.masks.resize import logits_to_mask
from splitmask.media import read_image
from splitmask.media.clip import digest
from splitmask.result import (
    FrameRecord,
    ObjectInfo,
    PromptRecord,
    Result,
    Source,
    save_result,
)
from splitmask.session import ImageSession
from splitmask.session.prompts import check_prompt
from splitmask.types import BoolArray, ByteArray, Features, Frame, Mask, Prompt

_OVERLAY = "overlay.png"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One mask; with `--multimask` an object has three."""

    info: ObjectInfo
    prompt: Prompt
    mask: Mask
    pixels: BoolArray  # (H, W)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image whose prompts have been checked.

    features, source and frame: of one that was encoded elsewhere, where `path` need not be.
    """

    path: Path
    image: ByteArray  # (H, W, 3)
    prompts: tuple[tuple[ObjectInfo, Prompt], ...]
    features: Features | None = None
    source: Source | None = None
    frame: int = 0


def check_names(images: Sequence[Path]) -> None:
    """Raises OutputError where two images would write into one folder."""
    seen: dict[str, Path] = {}
    for path in images:
        other = seen.setdefault(path.stem, path)
        if other is not path:
            raise OutputError(f"{other} and {path} would both write to {path.stem}/; give them to two runs")


def exporters(names: str) -> list[Exporter]:
    """`png,coco` → rows of the table of exports. Raises OutputError for what is not there or a video."""
    found = outputs.exporters(names)
    for exporter in found:
        if exporter.target.endswith(".mp4"):
            raise OutputError(f"--save {exporter.name}: a video is not made of an image; choose another")
    return found


def targets(wanted: Sequence[Exporter]) -> list[str]:
    """What `write` makes, in order."""
    return [*(exporter.target for exporter in wanted), _OVERLAY, outputs.RESULT]


def read(path: Path, script: Script) -> Picture:
    """Raises MediaError for the image, PromptError for what does not fit it."""
    image = read_image(path)
    size = image.shape[:2]
    said = {each.object_id: each for each in script.said}
    prompts = ((info, whole(said[info.id], size)) for info in script.objects if info.id in said)
    return Picture(path, image, tuple(prompts))


def find(engine: Engine, picture: Picture, multimask: bool) -> list[Found]:
    """Every object's mask, the best of the three readings where a single click is ambiguous."""
    session = ImageSession(engine)
    if picture.features is None:
        session.set_image(picture.image)
    else:
        session.set_features(picture.features, picture.image.shape[:2])
    found: list[Found] = []
    for info, prompt in picture.prompts:
        ambiguous = len(prompt.points) == 1 and prompt.box is None and prompt.mask is None
        masks = session.predict(prompt, multimask=multimask or ambiguous)
        if multimask:
            found += [_reading(info, prompt, mask, at, len(found) + at) for at, mask in enumerate(masks, 1)]
        else:
            best = max(masks, key=lambda mask: mask.score)
            found.append(Found(info, prompt, best, logits_to_mask(best.logits, best.size)))
    return found


def write(
    engine: Engine, picture: Picture, found: Sequence[Found], folder: Path, wanted: Sequence[Exporter]
) -> None:
    """The exports, overlay.png and result.json, or none of them. Raises OutputError."""
    try:
        _write(engine, picture, found, folder, wanted)
    except BaseException:
        for target in targets(wanted):
            outputs.remove(folder / target)
        raise


def _write(
    engine: Engine, picture: Picture, found: Sequence[Found], folder: Path, wanted: Sequence[Exporter]
) -> None:
    h, w = picture.image.shape[:2]
    clip = ClipInfo(picture.path.name, h, w, is_still=True)
    objects = [item.info for item in found]
    masks = {item.info.id: item.pixels for item in found}
    for exporter in wanted:
        with exporter.open(folder, clip, objects) as writer:
            writer.add(Frame(0, picture.image), masks)
    layers = [Layer(item.pixels, rgb(item.info.color), item.info.name) for item in found]
    write_bytes(folder / _OVERLAY, _png((labelled if len(found) > 1 else overlay)(picture.image, layers)))
    save_result(folder / outputs.RESULT, _result(engine, picture, found))


def whole(said: Said, size: tuple[int, int]) -> Prompt:
    """A mask beside points and box, as the image decoder takes them."""
    prompts = said.prompts(size)
    mask = next((prompt.mask for prompt in prompts if prompt.mask is not None), None)
    last = prompts[-1]
    return check_prompt(Prompt(last.points, last.labels, last.box, mask), size)


def _reading(info: ObjectInfo, prompt: Prompt, mask: Mask, reading: int, number: int) -> Found:
    named = ObjectInfo(number, f"{info.name} ({reading} of 3)", color_of(number - 1))
    return Found(named, prompt, mask, logits_to_mask(mask.logits, mask.size))


def _png(image: ByteArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _result(engine: Engine, picture: Picture, found: Sequence[Found]) -> Result:
    h, w = picture.image.shape[:2]
    masks = tuple(outputs.object_mask(item.info.id, item.mask, item.pixels, True) for item in found)
    return Result(
        picture.source or Source(picture.path.name, digest([picture.path]), w, h, 1),
        outputs.model_info(engine),
        tuple(item.info for item in found),
        tuple(PromptRecord.of(picture.frame, item.info.id, item.prompt) for item in found),
        (FrameRecord(picture.frame, None, masks),),
    )

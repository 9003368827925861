"""One bundle and what was said of it → masks, with nothing but the decoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitmask.bundle import Bundle, answer
from splitmask.bundle.make import preview_picture
from splitmask.engine import Engine
from splitmask.errors import BundleError, PromptError
from splitmask.jobs import segmenting
from splitmask.jobs.script import Script
from splitmask.jobs.segmenting import Found, Picture
from splitmask.masks.resize import logits_to_mask
from splitmask.result import Source
from splitmask.types import ByteArray, Prompt


def name_of(path: Path) -> str:
    """Of the folder that results go to: the bundle's own."""
    return path.resolve().name.removesuffix(".zip")


def read(path: Path, bundle: Bundle, script: Script) -> Picture:
    """The bundle as a picture that its prompts fit, shown by its preview. Raises PromptError and, for a
    damaged preview, BundleError."""
    h, w = bundle.size
    said = {each.object_id: each for each in script.said}
    wanted = [info for info in script.objects if info.id in said]
    source = bundle.origin
    name = source.name if source and source.name else name_of(path)
    return Picture(
        Path(name),
        _preview(path, bundle),
        tuple((info, segmenting.whole(said[info.id], bundle.size)) for info in wanted),
        bundle.features,
        Source(name, source.sha256 if source else "", w, h, source.frames if source else 1),
        bundle.frame or 0,
    )


def _preview(path: Path, bundle: Bundle) -> ByteArray:
    try:
        return preview_picture(bundle)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def find(engine: Engine, bundle: Bundle, picture: Picture, script: Script, multimask: bool) -> list[Found]:
    """Every prompted object's mask: of a still as `segment` finds it, of a clip's frame as the session
    that tracked it would. Raises PromptError."""
    if bundle.frame is None:
        return segmenting.find(
            engine, replace(picture, features=engine.from_arrays(bundle.features)), multimask
        )
    if multimask:
        raise PromptError("--multimask is for stills: this bundle is a frame of a clip")
    infos = {info.id: info for info in script.objects}
    held = [each.info for each in bundle.objects]
    for said in script.said:
        for prompt in said.prompts(bundle.size):
            if infos[said.object_id] not in held and _only_excludes(prompt):
                names = ", ".join(info.name for info in held) or "none"
                raise PromptError(
                    f"{infos[said.object_id].name} is no object of the bundle, which holds {names}, and a "
                    "point that excludes begins no other: check --object"
                )
            bundle = answer(engine, bundle, infos[said.object_id], prompt, clear_old=False)
    return [_found(bundle, said.object_id) for said in script.said]


def _only_excludes(prompt: Prompt) -> bool:
    return prompt.box is None and prompt.mask is None and not prompt.labels.any()


def _found(bundle: Bundle, object_id: int) -> Found:
    found, mask = bundle.object(object_id), bundle.mask(object_id)
    assert found is not None
    assert found.prompt is not None
    assert mask is not None
    return Found(found.info, found.prompt, mask, logits_to_mask(mask.logits, mask.size))

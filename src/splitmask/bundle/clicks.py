"""A click on a frame of a clip, from its bundle alone: what the session that tracked it would answer."""

from __future__ import annotations

from dataclasses import replace

from splitmask.bundle.bundle import Bundle, BundleObject
from splitmask.engine.base import Engine
from splitmask.result import ObjectInfo
from splitmask.session.choice import Output
from splitmask.session.prompts import check_alone, check_prompt, merge_prompts
from splitmask.session.tracker import answer_clicks, answer_mask
from splitmask.types import Prompt


def answer(
    engine: Engine,
    bundle: Bundle,
    info: ObjectInfo,
    prompt: Prompt,
    *,
    clear_old: bool = True,
    refine: bool = True,
) -> Bundle:
    """The bundle with the object as it is after the prompt; `bundle.mask(info.id)` is its mask.

    It is what `VideoSession.add_prompt` gives on that frame, but with the decoder only. info: one of the
    bundle's objects, or a new one. clear_old: the prompt replaces what had been said on this frame, else
    it is added to that. refine: the decoder also gets the object's mask so far. Raises PromptError if
    the prompt does not fit the frame.
    """
    where = f"object {info.id}: "
    checked = check_alone(check_prompt(prompt, bundle.size, where), where)
    known = bundle.object(info.id) or BundleObject(info)
    if known.prompt is not None and not clear_old:
        checked = merge_prompts(known.prompt, checked)
    output = _output(engine, bundle, known, checked, refine)
    return bundle.with_object(
        replace(known, logits=output.logits, presence=output.presence, score=output.score, prompt=checked)
    )


def _output(engine: Engine, bundle: Bundle, known: BundleObject, prompt: Prompt, refine: bool) -> Output:
    plain = bundle.features
    if prompt.mask is not None:
        return answer_mask(engine, engine.from_arrays(plain), prompt.mask)
    embed = plain.image_embed if known.image_embed is None else known.image_embed
    features = engine.from_arrays(replace(plain, image_embed=embed))
    return answer_clicks(engine, features, prompt, bundle.size, known.logits if refine else None)

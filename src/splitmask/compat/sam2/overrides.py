"""Configuration names and hydra-style overrides of the official package → presets and flags."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from splitmask.compat.sam2.base import Flags
from splitmask.errors import ModelError
from splitmask.presets import PRESETS, Preset

_SIZES = {"t": "tiny", "s": "small", "b+": "base+", "l": "large"}
# what an override may say that has no meaning here, as there is nothing to instantiate
_IGNORED = ("_target_", "compile_image_encoder")
_STABILITY = "sam_mask_decoder_extra_args."


def preset_of(config_file: str) -> Preset:
    """`configs/sam2.1/sam2.1_hiera_l.yaml`, with or without folder and suffix, or a preset's own name.

    Raises ModelError for another.
    """
    if config_file in PRESETS:
        return PRESETS[config_file]
    stem = str(config_file).replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".yaml")
    version, _, size = stem.partition("_hiera_")
    name = f"{version.replace('sam2.1', 'sam2.1-') if '.' in version else 'sam2.0-'}{_SIZES.get(size)}"
    if version not in ("sam2", "sam2.1") or name not in PRESETS:
        known = ", ".join(f"configs/{v}/{v}_hiera_{s}.yaml" for v in ("sam2.1", "sam2") for s in _SIZES)
        raise ModelError(f"unknown configuration {config_file!r}: choose one of {known}")
    return PRESETS[name]


def apply_overrides(preset: Preset, flags: Flags, overrides: Iterable[str]) -> tuple[Preset, Flags]:
    """Overrides such as `++model.fill_hole_area=0` → preset and flags. Raises ModelError."""
    known = {field.name for field in fields(Flags)}
    for override in overrides:
        key, _, text = override.lstrip("+").partition("=")
        name = key.removeprefix("model.").removeprefix(_STABILITY)
        if name in _IGNORED:
            continue
        value = _value(override, text)
        if name == "image_size":
            preset = replace(preset, image_size=int(value))
        elif name in known:
            setattr(flags, name, value)
        else:
            raise ModelError(
                f"cannot override {key!r}: splitmask knows model.image_size and {', '.join(sorted(known))}"
            )
    return preset, flags


def _value(override: str, text: str) -> Any:
    try:
        return json.loads(text.lower())
    except json.JSONDecodeError:
        raise ModelError(f"cannot read {override!r}: give model.NAME=NUMBER, true or false") from None

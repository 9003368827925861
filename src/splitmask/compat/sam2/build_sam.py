"""`sam2.build_sam`: a model from a configuration's name and a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from splitmask.compat.sam2.base import Flags, SAM2Base
from splitmask.compat.sam2.exceptions import UnfitModelError, raised_as, reading
from splitmask.compat.sam2.overrides import apply_overrides, preset_of
from splitmask.compat.sam2.sam2_video_predictor import SAM2VideoPredictor
from splitmask.engine.torch import choose_device
from splitmask.errors import ModelError
from splitmask.hub import resolve
from splitmask.model.weights import load_state
from splitmask.presets import PRESETS

Model = TypeVar("Model", bound=SAM2Base)

Checkpoint = str | Path | None
Device = str | torch.device

_STABILITY = ["++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true"]
_VIDEO = ["++model.binarize_mask_from_pts_for_mem_enc=true", "++model.fill_hole_area=8"]
# what `apply_postprocessing` switches on; it comes after the overrides of the caller, as officially
_POSTPROCESSING: dict[type[SAM2Base], list[str]] = {
    SAM2Base: _STABILITY,
    SAM2VideoPredictor: [*_STABILITY, *_VIDEO],
}


def build_sam2(
    config_file: str,
    ckpt_path: Checkpoint = None,
    device: Device = "cuda",
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    **kwargs: Any,
) -> SAM2Base:
    """A model for `SAM2ImagePredictor` and `SAM2AutomaticMaskGenerator`.

    config_file: e.g. `configs/sam2.1/sam2.1_hiera_l.yaml`; ckpt_path: its `.pt`, any file or folder
    that `splitmask.model.weights.load_model` takes, or None for an initialised model; further keyword
    arguments are accepted and ignored, as officially. Where there is no CUDA, the device that there
    is takes its place. Raises ModelError.
    """
    how = mode, hydra_overrides_extra, apply_postprocessing
    return _build(SAM2Base, config_file, ckpt_path, device, *how)


def build_sam2_video_predictor(
    config_file: str,
    ckpt_path: Checkpoint = None,
    device: Device = "cuda",
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    vos_optimized: bool = False,
    **kwargs: Any,
) -> SAM2VideoPredictor:
    """A predictor for videos; arguments as in `build_sam2`. vos_optimized: compiles the image encoder."""
    how = mode, hydra_overrides_extra, apply_postprocessing
    predictor = _build(SAM2VideoPredictor, config_file, ckpt_path, device, *how)
    if vos_optimized:
        predictor.image_encoder.compile()
    return predictor


def _build(
    kind: type[Model],
    config_file: str,
    ckpt_path: Checkpoint,
    device: Device,
    mode: str,
    overrides: Sequence[str],
    apply_postprocessing: bool,
) -> Model:
    after = _POSTPROCESSING[kind] if apply_postprocessing else []
    preset, flags = apply_overrides(preset_of(config_file), Flags(), [*overrides, *after])
    model = kind(preset, flags)
    if ckpt_path is not None:
        with reading(ckpt_path):
            state = load_state(ckpt_path, preset)[1]
        model.load_state_dict(state, assign=True)
    with raised_as(UnfitModelError):
        model = model.to(_device(device))
    return model.eval() if mode == "eval" else model


def _device(device: Device) -> torch.device:
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        chosen = choose_device()
        logging.getLogger(__name__).info("there is no CUDA here: using %s", chosen)
        return chosen
    return choose_device(str(device))


def _hub_file(model_id: str) -> tuple[str, Path]:
    """A repository of the hub, or a folder with its files → the preset's name and the checkpoint, which
    is fetched into the hub's cache unless it is there."""
    for preset in PRESETS.values():
        if preset.hub and str(model_id).endswith(preset.hub.partition("/")[2]):
            break
    else:
        known = ", ".join(preset.hub for preset in PRESETS.values() if preset.hub)
        raise ModelError(f"unknown repository {model_id!r}: choose one of {known}")
    folder = Path(model_id)
    return preset.name, folder if folder.is_dir() else resolve(preset.hub, pull=True)


def build_sam2_hf(model_id: str, **kwargs: Any) -> SAM2Base:
    """`build_sam2` from a repository of the Hugging Face hub, or a folder with its files."""
    config, path = _hub_file(model_id)
    return build_sam2(config_file=config, ckpt_path=path, **kwargs)


def build_sam2_video_predictor_hf(model_id: str, **kwargs: Any) -> SAM2VideoPredictor:
    """`build_sam2_video_predictor` from a repository of the Hugging Face hub, or a folder with its files."""
    config, path = _hub_file(model_id)
    return build_sam2_video_predictor(config_file=config, ckpt_path=path, **kwargs)

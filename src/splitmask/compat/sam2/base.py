"""The model that `build_sam2` returns: our `Sam2` with the official flags as attributes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from splitmask.engine.torch import TorchEngine
from splitmask.model import Sam2
from splitmask.presets import Preset


@dataclass(slots=True)
class Flags:
    """What the official configuration calls these things, with the values of its release."""

    # which mask counts
    multimask_output_in_sam: bool = True
    multimask_output_for_tracking: bool = True
    multimask_min_pt_num: int = 0
    multimask_max_pt_num: int = 1
    use_multimask_token_for_obj_ptr: bool = True
    dynamic_multimask_via_stability: bool = False
    dynamic_multimask_stability_delta: float = 0.05
    dynamic_multimask_stability_thresh: float = 0.98
    # what is remembered, and what is attended to
    binarize_mask_from_pts_for_mem_enc: bool = False
    non_overlap_masks_for_mem_enc: bool = False
    memory_temporal_stride_for_eval: int = 1
    max_cond_frames_in_attn: int = -1
    max_obj_ptrs_in_encoder: int = 16
    # video predictor
    fill_hole_area: int = 0
    non_overlap_masks: bool = False
    clear_non_cond_mem_around_input: bool = False
    add_all_frames_to_correct_as_cond: bool = False


class SAM2Base(Sam2):
    """`Sam2` with `image_size`, `device` and every field of `Flags` as plain attributes."""

    multimask_output_in_sam: bool
    multimask_output_for_tracking: bool
    multimask_min_pt_num: int
    multimask_max_pt_num: int
    use_multimask_token_for_obj_ptr: bool
    dynamic_multimask_via_stability: bool
    dynamic_multimask_stability_delta: float
    dynamic_multimask_stability_thresh: float
    binarize_mask_from_pts_for_mem_enc: bool
    non_overlap_masks_for_mem_enc: bool
    memory_temporal_stride_for_eval: int
    max_cond_frames_in_attn: int
    max_obj_ptrs_in_encoder: int
    fill_hole_area: int
    non_overlap_masks: bool
    clear_non_cond_mem_around_input: bool
    add_all_frames_to_correct_as_cond: bool

    def __init__(self, preset: Preset, flags: Flags | None = None) -> None:
        super().__init__(preset)
        self._engine: TorchEngine | None = None
        for field in fields(Flags):
            setattr(self, field.name, getattr(flags or Flags(), field.name))

    @property
    def image_size(self) -> int:
        return self.preset.image_size

    @property
    def num_maskmem(self) -> int:
        return self.preset.num_memories

    @property
    def device(self) -> torch.device:
        return self.no_mem_embed.device

    @property
    def engine(self) -> TorchEngine:
        """The four verbs where the model is now; made anew after `.to(…)` and when weights are loaded."""
        here = (self.device, next(self.image_encoder.parameters()).dtype)
        engine = self._engine
        if engine is None or (engine.device, engine.dtype) != here:
            engine = TorchEngine(self, *here)
            self._engine = engine
        return engine

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        self._engine = None  # it has taken what it needs from the weights that go
        return super().load_state_dict(*args, **kwargs)

    def train(self, mode: bool = True) -> Self:
        self._engine = None
        return super().train(mode)

    def forward_image(self, img_batch: Tensor) -> dict[str, list[Tensor]]:
        """Normalised images (b, 3, S, S) → `backbone_fpn`: maps at stride 4, 8, 16, as the decoder takes
        them, the last without `no_mem_embed`."""
        high_res_0, high_res_1, embed = self.encode(img_batch)
        return {"backbone_fpn": [high_res_0, high_res_1, embed - self.no_mem_embed.reshape(1, -1, 1, 1)]}

"""The official `sam2` package as a yardstick: built small, with weights redrawn so that each one matters."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from splitmask.bench.against_sam2 import Float32Torch, prepare_torchvision
from splitmask.compat.sam2 import SAM2AutomaticMaskGenerator, SAM2VideoPredictor
from splitmask.compat.sam2.amg import rle_to_mask
from splitmask.compat.sam2.base import SAM2Base
from splitmask.masks.rle import counts_to_runs
from splitmask.presets import TEST_HIERA, HieraParams, Preset

needs_official = [
    pytest.mark.skipif(importlib.util.find_spec("sam2") is None, reason="see scripts/install_sam2.sh"),
    # what the official package and its dependencies warn of is not ours to mend
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("one_thread"),
]


# Its decoder has the widths that the official code fixes; its maps are padded to their windows.
SMALL = replace(
    TEST_HIERA,
    name="small-official",
    trunk=HieraParams(16, 1, (1, 2, 3, 2), (5,), (8, 4, 14, 7), (7, 7)),
    decoder_mlp=2048,
    iou_hidden=256,
)
SMALL_2_0 = replace(SMALL, name="small-official-2.0", no_obj_embed_spatial=False, pointer_tpos=False)


def _nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """What `torchvision.ops.nms` computes, written out, for the wheel that lacks it."""
    left = scores.argsort(descending=True, stable=True).tolist()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        rest = torch.tensor(left, dtype=torch.long)
        low = torch.maximum(boxes[rest, :2], boxes[best, :2])
        high = torch.minimum(boxes[rest, 2:], boxes[best, 2:])
        overlap = (high - low).clamp(min=0).prod(dim=1)
        iou = overlap / (areas[rest] + areas[best] - overlap)
        left = [i for i, value in zip(left, iou.tolist(), strict=True) if not value > iou_threshold]
    return torch.tensor(kept, dtype=torch.long)


def overrides(preset: Preset) -> list[str]:
    """Hydra overrides that make the official tiny configuration the model of a preset."""
    trunk = preset.trunk
    assert isinstance(trunk, HieraParams)
    encoder, memory = "++model.image_encoder", "++model.memory_attention"
    settings: dict[str, Any] = {
        "++model.image_size": preset.image_size,
        f"{encoder}.trunk.embed_dim": trunk.embed_dim,
        f"{encoder}.trunk.num_heads": trunk.num_heads,
        f"{encoder}.trunk.stages": list(trunk.stages),
        f"{encoder}.trunk.global_att_blocks": list(trunk.global_attention),
        f"{encoder}.trunk.window_spec": list(trunk.window_spec),
        f"{encoder}.trunk.window_pos_embed_bkg_spatial_size": list(trunk.pos_embed_bkg),
        f"{encoder}.neck.d_model": preset.dim,
        f"{encoder}.neck.position_encoding.num_pos_feats": preset.dim,
        f"{encoder}.neck.backbone_channel_list": list(reversed(trunk.channels)),
        f"{memory}.d_model": preset.dim,
        f"{memory}.num_layers": preset.memory_layers,
        f"{memory}.layer.d_model": preset.dim,
        f"{memory}.layer.dim_feedforward": preset.memory_mlp,
        f"{memory}.layer.cross_attention.kv_in_dim": preset.memory_dim,
        "++model.memory_encoder.out_dim": preset.memory_dim,
        "++model.memory_encoder.position_encoding.num_pos_feats": preset.memory_dim,
        "++model.memory_encoder.fuser.layer.dim": preset.dim,
        "+model.memory_encoder.in_dim": preset.dim,
        "+model.memory_encoder.mask_downsampler.embed_dim": preset.dim,
    }
    for attention in ("self_attention", "cross_attention"):
        settings[f"{memory}.layer.{attention}.embedding_dim"] = preset.dim
        settings[f"{memory}.layer.{attention}.feat_sizes"] = [preset.grid, preset.grid]
    return [f"{key}={value}".replace(" ", "") for key, value in settings.items()]


def config_of(preset: Preset) -> str:
    """`configs/sam2.1/sam2.1_hiera_t.yaml` and its like; for SMALL the tiny one of its version."""
    tiny = "sam2.1_hiera_tiny" if preset.pointer_tpos else "sam2_hiera_tiny"
    stem = preset.checkpoint.removesuffix(".pt") or tiny
    size = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}[stem.split("hiera_")[1]]
    version = stem.split("_")[0]
    return f"configs/{version}/{version}_hiera_{size}.yaml"


def build_image(preset: Preset, **kwargs: Any) -> Any:
    """An official `SAM2Base`, its weights redrawn."""
    prepare_torchvision()
    from sam2.build_sam import build_sam2

    extra = [] if preset.checkpoint else overrides(preset)
    return build_sam2(config_of(preset), device="cpu", hydra_overrides_extra=extra, **kwargs)


def build_video(preset: Preset, extra: tuple[str, ...] = (), **kwargs: Any) -> Any:
    """An official `SAM2VideoPredictor`, without hole filling, which it only has with its CUDA extension."""
    prepare_torchvision()
    from sam2.build_sam import build_sam2_video_predictor

    chosen = [] if preset.checkpoint else overrides(preset)
    predictor = build_sam2_video_predictor(
        config_of(preset), device="cpu", hydra_overrides_extra=[*chosen, *extra], **kwargs
    )
    predictor.fill_hole_area = 0
    return predictor


def redraw(model: nn.Module, seed: int, presence: float = 0.0) -> dict[str, torch.Tensor]:
    """New values for every parameter, scaled so that signals keep their size and no part is negligible.

    An initialised model hides defects: layer scales of 1e-6, embeddings near zero, masks of one sign.
    presence: is added to the presence logit, so that objects come and go.
    """
    generator = torch.Generator().manual_seed(seed)
    state = {
        key: _drawn(key, torch.randn(value.shape, generator=generator))
        for key, value in model.state_dict().items()
    }
    state["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] += presence
    return state


def _drawn(key: str, noise: torch.Tensor) -> torch.Tensor:
    module, _, name = key.rpartition(".")
    if name == "gamma":
        return 0.5 + 0.2 * noise
    if name == "bias":
        return 0.2 * noise
    if name == "weight" and noise.dim() == 1:  # of a norm
        return 1 + 0.2 * noise
    if name != "weight" or module.endswith(("token", "tokens", "embed")) or "point_embeddings" in module:
        return 0.7 * noise
    fan_in = noise.shape[0] if "output_upscaling" in module else noise[0].numel()
    # presence hardly moves with the prompt unless it is made to
    gain = 6.0 if module.endswith("pred_obj_score_head.layers.2") else 1.3
    return noise * gain / fan_in**0.5


def compat(model: SAM2Base, state: dict[str, torch.Tensor]) -> Any:
    """One of ours, with an official state."""
    model.load_state_dict(state)
    return model.eval()


def picture(height: int = 90, width: int = 120, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 of smooth blobs, so that masks have shapes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def write_video(folder: Path, frames: int, size: tuple[int, int] = (90, 120)) -> Path:
    """JPEG frames of a view that wanders over a picture, with three that show something else."""
    height, width = size
    scene = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 60, 3), dtype=np.uint8))
    scene = scene.resize((width + 10 * frames, height + 60), Image.Resampling.BICUBIC)
    folder.mkdir(exist_ok=True)
    for i in range(frames):
        top = int(20 + 15 * np.sin(i / 3))
        frame = scene.crop((i * 10, top, i * 10 + width, top + height))
        if i in (8, 9, 15):
            frame = Image.new("RGB", (width, height), (200, 10 * i, 30))
        frame.save(folder / f"{i:05d}.jpg", quality=95)
    return folder


class Pair:
    """The official predictor and ours, told the same; whatever they answer is compared."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        video: Path,
        models: tuple[Any, SAM2VideoPredictor],
        **flags: Any,
    ) -> None:
        import sam2.sam2_video_predictor as module

        monkeypatch.setattr(module, "torch", Float32Torch())
        self.official, self.ours = models
        for key, value in flags.items():
            for model in (self.official, self.ours):
                monkeypatch.setattr(model, key, value)
        self.states = [model.init_state(str(video)) for model in (self.official, self.ours)]
        self.presence: list[bool] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            models = zip((self.official, self.ours), self.states, strict=True)
            expected, answer = (getattr(model, name)(state, *args, **kwargs) for model, state in models)
            if name == "propagate_in_video":
                expected, answer = list(expected), list(answer)
                assert len(expected) == len(answer)
                for pair in zip(expected, answer, strict=True):
                    self.compare(*pair)
            elif name in ("add_new_points_or_box", "add_new_mask", "clear_all_prompts_in_frame"):
                self.compare(expected, answer)
            return expected, answer

        return call

    def compare(self, expected: Any, answer: Any) -> None:
        assert answer[:2] == expected[:2]
        assert answer[2].shape == expected[2].shape
        assert answer[2].dtype == expected[2].dtype
        torch.testing.assert_close(answer[2], expected[2], rtol=0, atol=1e-3)
        self.presence += [bool(mask.max() > -1000) for mask in expected[2]]


def components() -> tuple[Any, str, Any]:
    """For monkeypatch.setattr: what the official code has only with its CUDA extension, by scipy."""
    prepare_torchvision()
    import sam2.utils.misc
    from scipy import ndimage

    def connected(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        labels = np.stack([ndimage.label(each, np.ones((3, 3)))[0] for each in mask[:, 0].numpy()])
        areas = np.stack([np.bincount(each.ravel())[each] * (each > 0) for each in labels])
        return torch.from_numpy(labels)[:, None], torch.from_numpy(areas)[:, None]

    return sam2.utils.misc, "get_connected_components", connected


def as_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the official classes work in float32, without CUDA, and on the maps of SMALL."""
    import sam2.automatic_mask_generator
    import sam2.sam2_image_predictor
    import sam2.sam2_video_predictor

    monkeypatch.setattr(sam2.sam2_video_predictor, "torch", Float32Torch())
    monkeypatch.setattr(*components())
    monkeypatch.setattr(
        sam2.automatic_mask_generator,
        "batched_nms",
        lambda boxes, scores, _, iou_threshold: _nms(boxes, scores, iou_threshold),
    )
    predictor = sam2.sam2_image_predictor.SAM2ImagePredictor
    begin = predictor.__init__

    def begin_small(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]  # the official code fixes those of 1024

    monkeypatch.setattr(predictor, "__init__", begin_small)


def generators(models: tuple[Any, SAM2Base], monkeypatch: pytest.MonkeyPatch, case: dict[str, Any]) -> Any:
    """The official mask generator and ours; with these thresholds, redrawn weights find small masks."""
    import sam2.automatic_mask_generator as module

    as_small(monkeypatch)
    thresholds = {"pred_iou_thresh": 0.3, "stability_score_thresh": 0.2, "mask_threshold": 8.0}
    settings = {"points_per_side": 5, **thresholds, **case}
    reference = module.SAM2AutomaticMaskGenerator(models[0], **settings)
    return reference, SAM2AutomaticMaskGenerator(models[1], **settings)


def segmentation(value: Any) -> np.ndarray:
    """(H, W) bool of any output mode."""
    if isinstance(value, np.ndarray):
        assert value.dtype == np.bool_
        return value
    counts = counts_to_runs(value["counts"]) if isinstance(value["counts"], str) else value["counts"]
    return rle_to_mask({"size": value["size"], "counts": counts})

"""Models by their official configuration names, overrides and repositories; no official package needed."""

from __future__ import annotations

import importlib
import inspect
import operator
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import compat_official as official
from splitmask.compat.sam2 import (
    SAM2AutomaticMaskGenerator,
    SAM2ImagePredictor,
    SAM2VideoPredictor,
    build_sam2,
    build_sam2_hf,
    build_sam2_video_predictor,
    build_sam2_video_predictor_hf,
)
from splitmask.compat.sam2.base import Flags, SAM2Base
from splitmask.compat.sam2.overrides import apply_overrides, preset_of
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.weights import save_model
from splitmask.presets import PRESETS, TEST_HIERA


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save({"model": Sam2(TEST_HIERA).state_dict()}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.mark.parametrize(
    ("config", "preset"),
    [
        ("configs/sam2.1/sam2.1_hiera_t.yaml", "sam2.1-tiny"),
        ("configs/sam2.1/sam2.1_hiera_s.yaml", "sam2.1-small"),
        ("configs/sam2.1/sam2.1_hiera_b+.yaml", "sam2.1-base+"),
        ("configs/sam2.1/sam2.1_hiera_l.yaml", "sam2.1-large"),
        ("configs/sam2/sam2_hiera_t.yaml", "sam2.0-tiny"),
        ("configs/sam2/sam2_hiera_b+.yaml", "sam2.0-base+"),
        ("sam2_hiera_l", "sam2.0-large"),
        ("sam2.1-large", "sam2.1-large"),
    ],
)
def test_configuration_names(config: str, preset: str) -> None:
    assert preset_of(config) is PRESETS[preset]


@pytest.mark.parametrize(
    "config", ["sam2_hiera_x.yaml", "configs/sam3/sam3_hiera_l.yaml", "", "sam2.1_hiera_"]
)
def test_an_unknown_configuration_says_what_there_is(config: str) -> None:
    with pytest.raises(ModelError, match=r"configs/sam2\.1/sam2\.1_hiera_t\.yaml"):
        preset_of(config)


def test_overrides() -> None:
    overrides = [
        "++model.fill_hole_area=3",
        "model.non_overlap_masks=true",
        "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.9",
        "++model.image_size=512",
        "++model._target_=sam2.sam2_video_predictor.SAM2VideoPredictor",
    ]
    preset, flags = apply_overrides(PRESETS["sam2.1-tiny"], Flags(), overrides)
    assert preset.image_size == 512
    assert (flags.fill_hole_area, flags.non_overlap_masks) == (3, True)
    assert flags.dynamic_multimask_stability_thresh == 0.9
    with pytest.raises(ModelError, match=r"cannot override 'model\.colour'"):
        apply_overrides(preset, flags, ["++model.colour=3"])
    with pytest.raises(ModelError, match="cannot read"):
        apply_overrides(preset, flags, ["++model.fill_hole_area=many"])


def test_build(checkpoint: Path) -> None:
    model = build_sam2("test-hiera", checkpoint, device="cpu")
    assert type(model) is SAM2Base
    assert model.dynamic_multimask_via_stability
    assert not model.training
    assert model.image_size == 128
    assert model.fill_hole_area == 0
    state = torch.load(checkpoint)["model"]
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not build_sam2("test-hiera", apply_postprocessing=False).dynamic_multimask_via_stability
    assert build_sam2("test-hiera", mode="train").training


def test_build_video_predictor(checkpoint: Path) -> None:
    predictor = build_sam2_video_predictor("test-hiera", str(checkpoint), "cpu")
    assert type(predictor) is SAM2VideoPredictor
    assert predictor.fill_hole_area == 8
    assert predictor.binarize_mask_from_pts_for_mem_enc
    extra = ["++model.clear_non_cond_mem_around_input=true"]
    plain = build_sam2_video_predictor(
        "test-hiera", None, apply_postprocessing=False, hydra_overrides_extra=extra
    )
    assert plain.clear_non_cond_mem_around_input
    assert plain.fill_hole_area == 0
    assert not plain.binarize_mask_from_pts_for_mem_enc


def test_a_model_of_half_precision_stays_usable() -> None:
    model = build_sam2("test-hiera", device="cpu").to(torch.bfloat16)
    assert model.engine.dtype == torch.bfloat16
    assert model.float().engine.dtype == torch.float32


def test_where_there_is_no_cuda_the_device_that_there_is_takes_over() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert build_sam2("test-hiera").device.type == expected


def test_a_checkpoint_of_another_model_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=r"does not fit sam2\.1-tiny.*it looks like test-hiera") as raised:
        build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", checkpoint)
    assert isinstance(raised.value, RuntimeError)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:999])


def of_code(path: Path) -> None:
    torch.save({"model": operator.attrgetter("mode")}, path)


@pytest.mark.parametrize(
    ("spoil", "says", "also"),
    [
        (Path.unlink, "there is no model file", FileNotFoundError),
        (cut_off, "is damaged or truncated", RuntimeError),
        (of_code, "holds code", pickle.UnpicklingError),
    ],
)
def test_except_clauses_for_the_official_package_catch_what_is_wrong_with_a_checkpoint(
    checkpoint: Path, spoil: Callable[[Path], None], says: str, also: type[Exception]
) -> None:
    spoil(checkpoint)
    for build in (build_sam2, build_sam2_video_predictor):
        with pytest.raises(ModelError, match=says) as raised:
            build("test-hiera", checkpoint, device="cpu")
        assert isinstance(raised.value, also)


def test_an_unknown_device() -> None:
    with pytest.raises(ModelError, match="nope") as raised:
        build_sam2("test-hiera", device="nope")
    assert isinstance(raised.value, RuntimeError)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the hub has it, with initialised weights."""
    folder = tmp_path_factory.mktemp("hub") / "sam2.1-hiera-tiny"
    folder.mkdir()
    model = Sam2(PRESETS["sam2.1-tiny"])
    torch.save({"model": model.bfloat16().state_dict()}, folder / "sam2.1_hiera_tiny.pt")
    return folder


def test_hub_folders(tiny: Path) -> None:
    assert build_sam2_hf(str(tiny)).preset.name == "sam2.1-tiny"
    assert build_sam2_video_predictor_hf(str(tiny), device="cpu").preset.name == "sam2.1-tiny"
    predictor = SAM2ImagePredictor.from_pretrained(str(tiny), mask_threshold=0.5)
    assert predictor.mask_threshold == 0.5
    assert SAM2VideoPredictor.from_pretrained(str(tiny)).image_size == 1024
    assert SAM2AutomaticMaskGenerator.from_pretrained(str(tiny), points_per_side=4).point_grids[0].shape == (
        16,
        2,
    )


def test_a_repository_in_the_hub_s_cache(tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repository = tmp_path / "models--facebook--sam2.1-hiera-tiny"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "sam2.1_hiera_tiny.pt").hardlink_to(tiny / "sam2.1_hiera_tiny.pt")
    assert build_sam2_hf("facebook/sam2.1-hiera-tiny").preset.name == "sam2.1-tiny"
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        build_sam2_hf("facebook/sam2-hiera-large")
    with pytest.raises(ModelError, match=r"choose one of facebook/sam2\.1-hiera-tiny"):
        build_sam2_hf("facebook/sam3")


MODULES = ("build_sam", "sam2_image_predictor", "sam2_video_predictor", "automatic_mask_generator")


def public(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    """Functions of a module, and what its classes have, by their names."""
    own = {name: each for name, each in vars(module).items() if not name.startswith("_")}
    own = {name: each for name, each in own.items() if getattr(each, "__module__", "") == module.__name__}
    methods = {
        f"{name}.{method}": getattr(each, method)
        for name, each in own.items()
        if isinstance(each, type)
        for method in vars(each)
        if (method == "__init__" or not method.startswith("_")) and callable(getattr(each, method))
    }
    return {name: each for name, each in own.items() if inspect.isfunction(each)} | methods


def arguments(function: Callable[..., Any]) -> list[tuple[str, object]]:
    """Names and defaults; that an empty list is a tuple here is not seen."""
    given = inspect.signature(function).parameters.values()
    return [(each.name, () if each.default == [] else each.default) for each in given]


# made by build_sam alone; steps of `generate`; a class that vos_optimized stands for
INNER = {
    "SAM2VideoPredictor.__init__",
    "SAM2AutomaticMaskGenerator.postprocess_small_regions",
    "SAM2AutomaticMaskGenerator.refine_with_m2m",
}


@pytest.mark.skipif(*official.needs_official[0].args, **official.needs_official[0].kwargs)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", MODULES)
def test_names_arguments_and_defaults_are_the_official_ones(module: str) -> None:
    official.prepare_torchvision()
    theirs, ours = (importlib.import_module(f"{root}.{module}") for root in ("sam2", "splitmask.compat.sam2"))
    expected = {
        name: arguments(each)
        for name, each in public(theirs).items()
        if name not in INNER and not name.startswith("SAM2VideoPredictorVOS")
    }
    assert len(expected) >= 3
    found = {name: operator.attrgetter(name)(ours) for name in expected}
    assert {name: arguments(each) for name, each in found.items()} == expected


def test_a_model_s_features_come_back_after_it_moves(tmp_path: Path) -> None:
    model = build_sam2("test-hiera")
    before = model.engine
    assert model.engine is before
    save_model(model, tmp_path / "m.safetensors")
    assert model.double().engine is not before

"""Which parameters learn, and how fast."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from onnx_helpers import redrawn
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.layers import DropPath
from splitmask.presets import PRESETS, TEST_CONV, TEST_HIERA, Preset
from splitmask.train.parameters import (
    drop_paths,
    freeze,
    parameter_groups,
    rate_scale,
    training_mode,
    trunk_layers,
)

TRUNK = "image_encoder.trunk."


def test_every_parameter_is_in_one_group() -> None:
    model = Sam2(TEST_HIERA)
    groups, scales = parameter_groups(model, 0.1, layer_decay=0.8)
    grouped = [p for group in groups for p in group["params"]]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(model.parameters()))
    assert len(scales) == len(groups)
    for group in groups:
        assert group["weight_decay"] == (0.1 if group["params"][0].ndim >= 2 else 0.0)
        assert len({p.ndim >= 2 for p in group["params"]}) == 1


@pytest.mark.parametrize("preset", list(PRESETS.values()), ids=lambda p: p.name)
def test_layers_are_those_of_the_trunk(preset: Preset) -> None:
    with torch.device("meta"):
        names = [name for name, _ in Sam2(preset).named_parameters()]
    for layer in trunk_layers(preset):
        assert any(name.startswith(layer) for name in names), layer
    rest = {
        name for name in names if name.startswith(TRUNK) and not name.startswith(tuple(trunk_layers(preset)))
    }
    assert {name.removeprefix(TRUNK).split(".")[0] for name in rest} <= {
        "patch_embed",
        "pos_embed",
        "stem",
    } | {"pos_embed_window"}


def test_rates_fall_layer_by_layer() -> None:
    layers = trunk_layers(TEST_HIERA)
    assert len(layers) == 8
    rates = {name: rate_scale(name, layers, 0.5) for name, _ in Sam2(TEST_HIERA).named_parameters()}
    assert rates["sam_mask_decoder.iou_token.weight"] == 1
    assert rates["image_encoder.neck.convs.0.conv.weight"] == 1
    assert rates[f"{TRUNK}blocks.7.attn.qkv.weight"] == 0.5
    assert rates[f"{TRUNK}blocks.0.attn.qkv.weight"] == 0.5**8
    assert rates[f"{TRUNK}patch_embed.proj.weight"] == 0.5**9
    assert {rate_scale(name, layers, 1.0) for name in rates} == {1.0}
    # block 10 is no part of block 1
    deep = replace(TEST_HIERA, trunk=PRESETS["sam2.1-tiny"].trunk)
    assert rate_scale(f"{TRUNK}blocks.10.norm1.weight", trunk_layers(deep), 0.5) == 0.25


def test_rates_of_the_convolutional_trunk_follow_the_data() -> None:
    layers = trunk_layers(TEST_CONV)
    order = [
        "stem.0.weight",
        "downs.0.0.weight",
        "stages.0.0.conv.0.weight",
        "downs.1.0.weight",
        "blocks.0.qkv.weight",
    ]
    rates = [rate_scale(TRUNK + name, layers, 0.9) for name in order]
    assert rates == sorted(rates)
    assert len(set(rates)) == len(rates)


def test_frozen_parts_have_no_gradient() -> None:
    model = Sam2(TEST_CONV)
    freeze(model, ["image_encoder.trunk", "memory_encoder"])
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert not any(name.startswith(("image_encoder.trunk", "memory_encoder")) for name in learning)
    assert "image_encoder.neck.convs.0.conv.weight" in learning
    assert sum(len(g["params"]) for g in parameter_groups(model, 0.0)[0]) == len(learning)


@pytest.mark.parametrize("prefix", ["image_encoder.trunc", ""])
def test_a_part_that_is_not_there_is_named(prefix: str) -> None:
    with pytest.raises(
        ModelError, match=r"no parameter of test-conv begins so; its parts are .*memory_attention"
    ):
        freeze(Sam2(TEST_CONV), [prefix])


def norms(model: Sam2) -> list[bool]:
    return [m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def test_batch_statistics_are_kept_where_asked() -> None:
    model = Sam2(TEST_CONV)
    training_mode(model, keep_statistics=False)
    assert all(norms(model))
    training_mode(model, keep_statistics=True)
    assert not any(norms(model))
    assert model.training
    freeze(model, ["image_encoder.trunk.stages.0"])
    training_mode(model, keep_statistics=False)
    assert norms(model).count(False) == 3, "those of what is frozen"


def test_blocks_are_left_out_the_more_often_the_deeper_they_are() -> None:
    model = redrawn(TEST_CONV)
    drop_paths(model, 0.5)
    rates = [module.rate for module in model.modules() if isinstance(module, DropPath)]
    assert rates == sorted(rates)
    assert rates[-1] == 0.5
    assert rates[0] == pytest.approx(0.5 / len(rates))
    images = torch.rand(1, 3, 64, 64).expand(8, -1, -1, -1)
    model.eval()
    assert torch.equal(*model.encode(images)[2][:2]), "inference leaves nothing out"
    training_mode(model, keep_statistics=True)
    torch.manual_seed(0)
    assert not torch.equal(*model.encode(images)[2][:2])


def test_a_path_that_is_kept_makes_up_for_those_that_are_not() -> None:
    drop = DropPath()
    drop.rate = 0.25
    torch.manual_seed(0)
    x = drop(torch.ones(4000, 2, 2))
    assert sorted(set(x.flatten().tolist())) == [0, pytest.approx(4 / 3)]
    assert float(x.mean()) == pytest.approx(1, abs=0.03)
    assert (x == x[:, :1, :1]).all(), "a sample as a whole"


def test_a_trunk_without_such_blocks_says_so() -> None:
    drop_paths(Sam2(TEST_HIERA), 0)
    with pytest.raises(ModelError, match="test-hiera has no blocks to leave out: `drop_path` must be 0"):
        drop_paths(Sam2(TEST_HIERA), 0.1)

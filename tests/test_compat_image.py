"""The image predictor and the mask generator give what the official ones give, from the same weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import compat_official as official
from splitmask.compat.sam2 import SAM2AutomaticMaskGenerator, SAM2ImagePredictor
from splitmask.compat.sam2.base import Flags, SAM2Base
from splitmask.errors import PromptError

pytestmark = official.needs_official

PRESETS = {"2.1": official.SMALL, "2.0": official.SMALL_2_0}


@cache
def models(version: str, seed: int = 1) -> tuple[Any, SAM2Base]:
    """The official model and ours, with the same redrawn weights."""
    theirs = official.build_image(PRESETS[version])
    state = official.redraw(theirs, seed)
    theirs.load_state_dict(state)
    ours = official.compat(SAM2Base(PRESETS[version], Flags(dynamic_multimask_via_stability=True)), state)
    return theirs, ours


def predictors(version: str = "2.1", **kwargs: Any) -> tuple[Any, SAM2ImagePredictor]:
    theirs, ours = models(version)
    from sam2.sam2_image_predictor import SAM2ImagePredictor as Official

    reference = Official(theirs, **kwargs)
    reference._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]  # the official code fixes those of 1024
    return reference, SAM2ImagePredictor(ours, **kwargs)


def assert_same(reference: Any, result: Any) -> None:
    """Logits within 1e-4 and scores within 1e-4; shapes and types the same."""
    for theirs, ours in zip(reference, result, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


PROMPTS: dict[str, dict[str, Any]] = {
    "click": {"point_coords": np.array([[30, 40]]), "point_labels": np.array([1])},
    "clicks": {"point_coords": np.array([[30, 40], [80, 9.5]]), "point_labels": np.array([1, 0])},
    "box": {"box": np.array([10, 12, 70, 66])},
    "boxes": {"box": np.array([[10, 12, 70, 66], [5, 5, 100, 80]])},
    "box and click": {
        "box": np.array([10, 12, 70, 66]),
        "point_coords": np.array([[30, 40]]),
        "point_labels": np.array([0]),
    },
    "clicks of three": {
        "point_coords": np.arange(12.0).reshape(3, 2, 2) * 7,
        "point_labels": np.ones((3, 2)),
    },
    "mask alone": {"mask_input": np.random.default_rng(3).normal(0, 8, (1, 32, 32)).astype(np.float32)},
    "mask and click": {
        "mask_input": np.random.default_rng(4).normal(0, 8, (1, 32, 32)).astype(np.float32),
        "point_coords": np.array([[30, 40]]),
        "point_labels": np.array([1]),
    },
    "normalised": {
        "point_coords": np.array([[0.3, 0.4]]),
        "point_labels": np.array([1]),
        "normalize_coords": False,
    },
    "nothing": {},
}


@pytest.mark.parametrize("version", PRESETS)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("multimask", [True, False])
def test_predict(version: str, prompt: str, multimask: bool) -> None:
    reference, predictor = predictors(version)
    for each in (reference, predictor):
        each.set_image(official.picture())
    kwargs = {**PROMPTS[prompt], "multimask_output": multimask, "return_logits": True}
    expected = reference.predict(**kwargs)
    assert_same(expected, predictor.predict(**kwargs))
    kwargs["return_logits"] = False
    masks, logits = predictor.predict(**kwargs)[0], expected[0]
    theirs = reference.predict(**kwargs)[0]
    assert masks.dtype == theirs.dtype
    np.testing.assert_array_equal(masks[abs(logits) > 1e-3], theirs[abs(logits) > 1e-3])


def test_the_embedding_and_the_features() -> None:
    reference, predictor = predictors()
    for image in (official.picture(), Image.fromarray(official.picture(33, 200))):
        for each in (reference, predictor):
            each.set_image(image)
        expected = reference.get_image_embedding()
        assert predictor.get_image_embedding().shape == expected.shape
        torch.testing.assert_close(predictor.get_image_embedding(), expected, rtol=0, atol=1e-4)
    theirs, ours = models("2.1")
    x = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        expected_maps, maps = (model.forward_image(x)["backbone_fpn"] for model in (theirs, ours))
    for expected, result in zip(expected_maps, maps, strict=True):
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)


def test_a_batch_of_images() -> None:
    reference, predictor = predictors()
    images = [official.picture(), official.picture(64, 64, seed=1)]
    for each in (reference, predictor):
        each.set_image_batch(images)
    prompts = {
        "point_coords_batch": [np.array([[3.0, 9]]), np.array([[[30.0, 9]], [[4, 5]]])],
        "point_labels_batch": [np.array([1]), np.array([[1], [1]])],
        "return_logits": True,
    }
    expected, results = reference.predict_batch(**prompts), predictor.predict_batch(**prompts)
    for theirs, ours in zip(expected, results, strict=True):
        assert_same(theirs, ours)
    boxes = {"box_batch": [np.array([3, 3, 50, 40]), np.array([3, 3, 50, 40])], "multimask_output": False}
    for theirs, ours in zip(reference.predict_batch(**boxes), predictor.predict_batch(**boxes), strict=True):
        assert_same(theirs, ours)


def test_the_single_mask_gives_way_when_it_is_unstable() -> None:
    theirs, ours = models("2.1")
    reference, predictor = predictors()
    for each in (reference, predictor):
        each.set_image(official.picture())
    chosen = set()
    for threshold in (0.0, 0.9999):  # everything is stable; nothing is
        theirs.sam_mask_decoder.dynamic_multimask_stability_thresh = threshold
        ours.dynamic_multimask_stability_thresh = threshold
        kwargs = {**PROMPTS["clicks"], "multimask_output": False, "return_logits": True}
        expected = reference.predict(**kwargs)
        assert_same(expected, predictor.predict(**kwargs))
        chosen.add(expected[1].item())
    assert len(chosen) == 2
    theirs.sam_mask_decoder.dynamic_multimask_stability_thresh = 0.98
    ours.dynamic_multimask_stability_thresh = 0.98


def test_holes_and_sprinkles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*official.components())
    reference, predictor = predictors(max_hole_area=6, max_sprinkle_area=9)
    plain = predictors()[1]
    changed = False
    for seed in range(3):
        for each in (reference, predictor, plain):
            each.set_image(official.picture(seed=seed))
        kwargs = {**PROMPTS["click"], "return_logits": True}
        expected = reference.predict(**kwargs)
        assert_same(expected, predictor.predict(**kwargs))
        changed |= bool(abs(expected[0] - plain.predict(**kwargs)[0]).max() > 1)
    assert changed


def test_prompts_without_an_image_and_prompts_that_do_not_match() -> None:
    predictor = predictors()[1]
    with pytest.raises(RuntimeError, match="set_image"):
        predictor.predict(**PROMPTS["click"])
    with pytest.raises(RuntimeError, match="set_image"):
        predictor.get_image_embedding()
    with pytest.raises(NotImplementedError):
        predictor.set_image("a.jpg")  # type: ignore[arg-type]
    predictor.set_image(official.picture())
    with pytest.raises(PromptError, match="one label for each point") as raised:
        predictor.predict(np.zeros((3, 2)), np.array([1, 1]))
    assert isinstance(raised.value, RuntimeError)
    with pytest.raises(AssertionError, match="point_labels"):
        predictor.predict(np.zeros((3, 2)))
    with pytest.raises(AssertionError, match="batched"):
        predictor.predict_batch()


GENERATORS: dict[str, dict[str, Any]] = {
    "plain": {},
    "crops": {"crop_n_layers": 1, "crop_n_points_downscale_factor": 2},
    "two layers of crops": {"crop_n_layers": 2, "points_per_side": 3, "crop_overlap_ratio": 0.5},
    "refined": {"use_m2m": True, "box_nms_thresh": 1.0, "points_per_side": 3},
    "cleaned": {"min_mask_region_area": 12},
    "cleaned crops, refined": {
        "min_mask_region_area": 5,
        "use_m2m": True,
        "points_per_side": 3,
        "crop_n_layers": 1,
        "box_nms_thresh": 1.0,
        "crop_nms_thresh": 1.0,
    },
    "one mask a click": {"multimask_output": False, "box_nms_thresh": 1.0},
    "batches": {"points_per_batch": 7},
    "own points": {"points_per_side": None, "point_grids": [np.random.default_rng(0).random((11, 2))]},
    "no thresholds": {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0},
    "duplicates": {"box_nms_thresh": 0.9, "crop_nms_thresh": 0.4, "crop_n_layers": 1},
    "threshold": {"mask_threshold": 15.0, "stability_score_offset": 0.5},
    "nothing passes": {"pred_iou_thresh": 1.0},
    "coco_rle": {"output_mode": "coco_rle"},
    "uncompressed_rle": {"output_mode": "uncompressed_rle"},
}


@pytest.mark.parametrize("case", GENERATORS)
def test_generate(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, generator = official.generators(models("2.1", seed=3), monkeypatch, GENERATORS[case])
    image = official.picture(200, 260, seed=5)
    expected, found = reference.generate(image), generator.generate(image)
    assert len(expected) == len(found)
    assert len(expected) > 1 or case == "nothing passes"
    for theirs, ours in zip(expected, found, strict=True):
        assert list(theirs) == list(ours)
        for key in ("predicted_iou", "stability_score"):
            assert ours[key] == pytest.approx(theirs[key], abs=1e-4, nan_ok=True)
        for key in ("bbox", "crop_box", "point_coords"):
            assert ours[key] == theirs[key]
        # a logit may lie within rounding of the threshold
        pair = [official.segmentation(each["segmentation"]) for each in (theirs, ours)]
        assert np.count_nonzero(pair[0] != pair[1]) <= 2
        assert abs(ours["area"] - theirs["area"]) <= 2
        assert type(ours["segmentation"]) is type(theirs["segmentation"])


def test_a_generator_says_what_it_cannot_do() -> None:
    ours = models("2.1")[1]
    with pytest.raises(AssertionError, match="points_per_side"):
        SAM2AutomaticMaskGenerator(ours, point_grids=[np.zeros((1, 2))])
    with pytest.raises(AssertionError, match="output_mode"):
        SAM2AutomaticMaskGenerator(ours, output_mode="png")

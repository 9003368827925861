"""Simulated clicks with an engine that works: IoU rises as the clicks say more."""

from __future__ import annotations

import numpy as np
import pytest

from eval_helpers import SIDE, ColourEngine
from splitmask.eval.clicks import (
    Click,
    ClickCase,
    ClickOptions,
    ClickPicture,
    ClickRunner,
    choose_objects,
    next_click,
)
from splitmask.train.readers import ImageSample, LoadedImage, ObjectKey
from splitmask.types import ByteArray

RED, BLUE, GREEN, GREY = (210, 40, 40), (40, 40, 210), (40, 200, 40), (120, 120, 120)
FIVE = ClickOptions(clicks=5)


def loaded(image: ByteArray, *labels: ByteArray, name: str = "coco_1", kind: str = "coco") -> LoadedImage:
    sample = ImageSample(name, kind, name, lambda: image, lambda: list(labels))
    return LoadedImage(sample, image, list(labels))


def three_colours() -> LoadedImage:
    """A 128×64 object: red, blue and green parts of 64, 40 and 24 columns; red also beside it."""
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[64:128, 64:192] = 1
    image[64:128, 64:128] = RED
    image[64:128, 128:168] = BLUE
    image[64:128, 168:192] = GREEN
    return loaded(image, labels)


def run(image: LoadedImage, options: ClickOptions = FIVE) -> list[ClickPicture]:
    return list(ClickRunner(ColourEngine(), options).run(image))


def test_each_click_adds_a_colour() -> None:
    (picture,) = run(three_colours())
    case = picture.case
    assert [click.label for click in case.clicks[:3]] == [1, 1, 1]
    # After 1: red, half the object; after 2: red and blue; after 3: all, but for half-pixels at edges.
    assert case.ious[0] == pytest.approx(64 / 128, abs=0.03)
    assert case.ious[1] == pytest.approx(104 / 128, abs=0.03)
    assert case.ious[2] > 0.95
    assert case.area == 64 * 128
    assert [case.noc(0.4), case.noc(0.75), case.noc(0.85)] == [1, 2, 3]
    assert case.scores[0] == pytest.approx(0.9)  # of the best of three, not of token 1
    red, blue = case.clicks[0], case.clicks[1]
    assert (abs(red.x - 127) <= 33, abs(red.y - 95) <= 1) == (True, True)
    assert abs(blue.x - 147) <= 22


def test_a_click_beside_the_object_takes_away() -> None:
    """A red thing of another shade is selected with the object until a click says that it is not it."""
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    image[64:128, 32:96] = RED
    labels[64:128, 32:96] = 1
    image[64:128, 160:224] = (210, 70, 70)
    (picture,) = run(loaded(image, labels), ClickOptions(clicks=3))
    assert [click.label for click in picture.case.clicks[:2]] == [1, 0]
    assert picture.case.clicks[1].x > 150
    assert picture.case.ious[0] == pytest.approx(0.5, abs=0.03)
    assert picture.case.ious[1] > 0.95


def test_box_and_corrections() -> None:
    image = three_colours()
    (picture,) = run(image, ClickOptions(clicks=1, box_clicks=2))
    box = picture.case.box_ious
    assert len(box) == 3
    assert list(box) == sorted(box)
    assert box[-1] > 0.95


def test_an_image_is_encoded_once_and_only_if_it_has_an_object() -> None:
    engine = ColourEngine()
    runner = ClickRunner(engine, ClickOptions(clicks=2))
    image = three_colours()
    labels = image.labels[0].copy()
    labels[200:240, 10:60] = 2
    assert len(list(runner.run(loaded(image.image, labels)))) == 2
    assert engine.encoded == len(runner.timing.encode) == 1
    assert list(runner.run(loaded(image.image, np.zeros_like(labels)))) == []
    assert engine.encoded == 1


def test_it_is_deterministic() -> None:
    assert run(three_colours())[0].case == run(three_colours())[0].case


def test_a_mask_that_is_right_ends_the_clicks() -> None:
    """The whole frame in one colour: one click says all there is to say."""
    image = np.full((SIDE, SIDE, 3), RED, np.uint8)
    (picture,) = run(loaded(image, np.ones((SIDE, SIDE), np.uint8)), ClickOptions(clicks=4))
    assert picture.case.ious == (1.0,) * 4
    assert len(picture.case.clicks) == len(picture.masks) == 1


def test_noc_of_what_is_never_reached() -> None:
    case = ClickCase("a", "coco", ObjectKey(0, 1), 9, (Click(1, 1, 1),), (0.2, 0.6, 0.5), (0.9,) * 3, (0.3,))
    assert (case.noc(0.6), case.noc(0.9)) == (2, 3)
    assert (case.reached(0.6), case.reached(0.9)) == (True, False)


def test_next_click_by_hand() -> None:
    truth = np.zeros((40, 40), bool)
    truth[5:16, 5:16] = True
    assert next_click(truth, np.zeros_like(truth)) == Click(10, 10, 1)
    assert next_click(truth, truth) is None
    surplus = truth.copy()
    surplus[20:35, 20:35] = True
    assert next_click(truth, surplus) == Click(27, 27, 0)
    half = truth.copy()
    half[:, 9:] = False  # 7 columns are missing: columns 9…15
    assert next_click(truth, half) == Click(12, 10, 1)


def test_of_equally_deep_errors_the_larger_then_the_missing() -> None:
    truth, mask = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    truth[2:7, 2:7] = True
    mask[20:25, 20:25] = True
    assert next_click(truth, mask) == Click(4, 4, 1)
    mask[20:25, 20:40] = True
    assert next_click(truth, mask) == Click(29, 22, 0)


def test_objects_are_chosen_by_name() -> None:
    labels = np.zeros((100, 100), np.uint8)
    for n in range(20):
        labels[5 * n : 5 * n + 5, :40] = n + 1  # 200 pixels each
    labels[0, 90:99] = 21  # too small
    options = ClickOptions(objects=6, min_area=100)
    chosen = choose_objects("coco_1", [labels], options)
    assert len(chosen) == 6
    assert chosen == choose_objects("coco_1", [labels], options)
    assert chosen != choose_objects("coco_2", [labels], options)
    assert len(choose_objects("coco_1", [labels], ClickOptions(objects=99))) == 20

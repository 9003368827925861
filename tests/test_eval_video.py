"""Tracking scores: a clip that is easy, objects that come late and leave, and the evaluators' rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eval_helpers import SIDE, ColourEngine
from splitmask.errors import DataError
from splitmask.eval.video import VIDEO_PROMPTS, ClipFrames, Presence, Target, VideoPicture, run_clip, separate
from splitmask.train.readers import ClipSample, ObjectKey
from splitmask.types import BoolArray, ByteArray, Mask

RED, BLUE, GREY = (210, 40, 40), (40, 40, 210), (120, 120, 120)
FRAMES = 8


def clip_of(
    images: Sequence[ByteArray],
    labels: dict[int, list[ByteArray]],
    rule: str = "davis",
    frames: int | None = None,
) -> ClipSample:
    return ClipSample(
        name="davis_squares",
        kind="davis",
        where="squares",
        frames=frames or len(images),
        annotated=tuple(sorted(labels)),
        load_frame=lambda index: images[index],
        load_labels=lambda index: labels[index],
        rule=rule,  # type: ignore[arg-type]
    )


def scene(
    red: Sequence[int | None], blue: Sequence[int | None]
) -> tuple[list[ByteArray], dict[int, list[ByteArray]]]:
    """64×64 squares whose left side is at the given column, None: out of view."""
    images, labels = [], {}
    for index, (r, b) in enumerate(zip(red, blue, strict=True)):
        image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        label = np.zeros((SIDE, SIDE), np.uint8)
        if r is not None:
            image[32:96, r : r + 64], label[32:96, r : r + 64] = RED, 1
        if b is not None:
            image[160:224, b : b + 64], label[160:224, b : b + 64] = BLUE, 2
        images.append(image)
        labels[index] = [label]
    return images, labels


def moving(start: int) -> list[int | None]:
    return [start + 8 * index for index in range(FRAMES)]


def by_target(pictures: list[VideoPicture]) -> dict[tuple[str, int], VideoPicture]:
    return {(picture.case.prompt, picture.case.key.label): picture for picture in pictures}


def test_every_prompt_follows_both_objects() -> None:
    engine = ColourEngine()
    pictures = by_target(run_clip(engine, clip_of(*scene(moving(8), moving(40))), VIDEO_PROMPTS))
    assert set(pictures) == {(prompt, label) for prompt in VIDEO_PROMPTS for label in (1, 2)}
    for picture in pictures.values():
        case = picture.case
        assert case.score.j.mean > 0.93
        assert case.score.f.mean > 0.93
        assert case.score.jf == (case.score.j.mean + case.score.f.mean) / 2
        assert case.score.j.recall == 1.0
        assert case.score.frames == FRAMES - 2  # the first and the last are left out
        assert case.presence == Presence(in_view=FRAMES - 1, said_present=FRAMES - 1)
        assert 0 < picture.frame < FRAMES - 1
    assert engine.encoded <= FRAMES + 1  # all prompts share a frame's features


def test_an_object_that_leaves() -> None:
    red: list[int | None] = [8, 16, 24, None, None, 48, 56, 64]
    (picture,) = run_clip(ColourEngine(), clip_of(*scene(red, [None] * FRAMES)), ["mask"])
    assert picture.case.presence == Presence(in_view=5, said_present=5, out_of_view=2, said_absent=2)
    assert picture.case.score.j.mean > 0.93  # both empty on frames 3 and 4: 1


def test_an_object_that_is_lost_scores_low() -> None:
    """From frame 4 on the object is grey like the background: labelled but not to be found."""
    images, labels = scene([64] * FRAMES, [None] * FRAMES)
    for image in images[4:]:
        image[:] = GREY
    (picture,) = run_clip(ColourEngine(), clip_of(images, labels), ["click"])
    case = picture.case
    assert case.score.j.recall == pytest.approx(0.5)
    assert case.score.j.decay > 0.9
    assert case.presence == Presence(in_view=7, said_present=3)
    assert picture.frame >= 4
    assert not picture.mask.any()
    assert picture.truth.any()


def test_davis_counts_the_objects_of_the_first_frame() -> None:
    late: list[int | None] = [None, None, 40, 48, 56, 64, 72, 80]
    images, labels = scene(moving(8), late)
    assert set(by_target(run_clip(ColourEngine(), clip_of(images, labels), ["mask"]))) == {("mask", 1)}


def test_sav_prompts_objects_where_they_appear() -> None:
    late: list[int | None] = [None, None, 40, 48, 56, 64, 72, 80]
    images, labels = scene(moving(8), late)
    pictures = by_target(run_clip(ColourEngine(), clip_of(images, labels, rule="sav"), ["mask"]))
    case = pictures["mask", 2].case
    assert case.prompted == 2
    # Frames 1…6 are scored; on frame 1 it is neither there nor said to be: it counts from frame 2 on.
    assert case.score.frames == 5
    assert case.score.j.mean > 0.93
    assert pictures["mask", 1].case.score.frames == 6


def test_only_labelled_frames_are_scored_but_all_are_tracked() -> None:
    images, labels = scene(moving(8), [None] * FRAMES)
    sparse = {index: labels[index] for index in (0, 3, 6)}
    (picture,) = run_clip(ColourEngine(), clip_of(images, sparse, rule="sav"), ["box"])
    assert picture.case.score.frames == 1
    assert picture.frame == 3
    assert picture.case.presence.in_view == 2


def test_an_object_that_no_scored_frame_shows_is_left_out() -> None:
    red: list[int | None] = [8, None, None, None, None, None, None, 8]
    assert run_clip(ColourEngine(), clip_of(*scene(red, [None] * FRAMES)), ["mask"]) == []


def test_a_clip_of_two_frames_has_none_to_score() -> None:
    images, labels = scene(moving(8)[:2], [None] * 2)
    assert run_clip(ColourEngine(), clip_of(images, labels), ["mask"]) == []


def test_bad_clips_are_named() -> None:
    images, labels = scene(moving(8), moving(8))
    nothing = {index: [np.zeros((SIDE, SIDE), np.uint8)] for index in labels}
    with pytest.raises(DataError, match="squares: the annotation is empty on every frame"):
        run_clip(ColourEngine(), clip_of(images, nothing), ["mask"])
    labels[3] = [np.zeros((20, 30), np.uint8)]
    with pytest.raises(
        DataError, match=r"squares, frame 3: label map 0 is 30×20 pixels, its picture 256×256"
    ):
        run_clip(ColourEngine(), clip_of(images, labels), ["mask"])
    images[2] = images[2][:100]
    with pytest.raises(DataError, match="squares, frame 2 is 256×100 pixels, the first 256×256"):
        ClipFrames(clip_of(images, labels)).frame(2)


def test_frames_of_a_clip() -> None:
    images, labels = scene(moving(8), moving(8))
    source = ClipFrames(clip_of(images, labels))
    assert [frame.index for frame in source.frames(2, 5)] == [2, 3, 4]
    assert [frame.index for frame in source.frames_reversed(2, 5)] == [4, 3, 2]
    np.testing.assert_array_equal(source.frame(7).image, images[7])


def logits(columns: slice, value: float) -> Mask:
    field = np.full((8, 8), -5.0, np.float32)
    field[:, columns] = value
    return Mask(field, 1.0, 1.0, (8, 8))


def columns_of(mask: BoolArray) -> list[int]:
    return np.flatnonzero(mask.any(axis=0)).tolist()


def test_the_stronger_of_two_takes_the_pixel_in_one_map_only() -> None:
    a, b = Target("mask", ObjectKey(0, 1), 0), Target("mask", ObjectKey(0, 2), 0)
    other = Target("mask", ObjectKey(1, 1), 0)
    masks = separate(
        {a: logits(slice(0, 5), 2.0), b: logits(slice(3, 8), 4.0), other: logits(slice(0, 8), 9.0)}
    )
    assert columns_of(masks[a]) == [0, 1, 2]
    assert columns_of(masks[b]) == [3, 4, 5, 6, 7]
    assert columns_of(masks[other]) == list(range(8))

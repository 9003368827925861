"""What a bundle answers, against the session and the features that it was made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_helpers import photo, small_model
from session_helpers import box_prompt, click, run, squares
from splitmask.bundle import Bundle, answer, of_frame, of_image
from splitmask.demo.scene import BALL, BALLOON, Scene, Shot
from splitmask.demo.truth import click_on
from splitmask.engine import Engine, load
from splitmask.errors import PromptError
from splitmask.masks.resize import logits_to_mask
from splitmask.result import ObjectInfo
from splitmask.session import ImageSession, ImageStack, VideoSession
from splitmask.types import BoolArray, Mask, Prompt

PAGE = Path(__file__).parent.parent / "docs" / "bundle.md"
CLIP = squares(16)
FRAME = 9
INFOS = [ObjectInfo(1, "red", "#ff0000"), ObjectInfo(2, "green", "#00ff00"), ObjectInfo(3, "blue", "#0000ff")]


@cache
def small() -> Engine:
    return load(small_model(), "ort", threads=1)


@cache
def shots() -> list[Shot]:
    return list(islice(Scene(480, 270, length=36).shots(), 10))


@cache
def nano() -> Engine:
    return load("nano", "ort", threads=1)


@pytest.fixture
def session() -> Iterator[VideoSession]:
    with VideoSession(small(), ImageStack(CLIP.frames)) as session:
        session.add_prompt(1, 0, CLIP.click("red", 0))
        session.add_prompt(2, 0, box_prompt((70, 0, 110, 30)))
        session.add_prompt(3, FRAME, CLIP.click("blue", FRAME))
        run(session.propagate())
        run(session.propagate(reverse=True))
        yield session


def iou(a: BoolArray, b: BoolArray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def pixels(mask: Mask | None) -> BoolArray:
    assert mask is not None
    return logits_to_mask(mask.logits, mask.size)


def carried(session: VideoSession, folder: Path, dtype: Any = "float32") -> Bundle:
    of_frame(session, FRAME, INFOS).save(folder / "b", dtype)
    return Bundle.load(folder / "b", session.engine)


@pytest.mark.parametrize("object_id", [1, 2, 3, 4])
@pytest.mark.parametrize("clear_old", [True, False])
@pytest.mark.parametrize("refine", [True, False])
def test_a_bundle_answers_as_its_session_does(
    session: VideoSession, tmp_path: Path, object_id: int, clear_old: bool, refine: bool
) -> None:
    bundle = carried(session, tmp_path)
    info = next((info for info in INFOS if info.id == object_id), ObjectInfo(4, "new", "#888888"))
    how = {"clear_old": clear_old, "refine": refine}
    for prompt in (click(80, 40), click(20, 70, label=0), box_prompt((10, 20, 60, 70))):
        theirs = session.add_prompt(object_id, FRAME, prompt, **how)
        bundle = answer(session.engine, bundle, info, prompt, **how)
        ours = bundle.mask(object_id)
        assert ours is not None
        np.testing.assert_allclose(ours.logits, theirs.logits, rtol=1e-3, atol=1e-3)
        assert (ours.score, ours.presence) == pytest.approx((theirs.score, theirs.presence), abs=1e-4)
        said, kept = session.prompts[object_id, FRAME], bundle.object(object_id)
        assert kept is not None
        assert kept.prompt is not None
        assert np.array_equal(kept.prompt.points, said.points)


def test_a_mask_given_to_a_bundle_is_the_answer(session: VideoSession, tmp_path: Path) -> None:
    bundle = carried(session, tmp_path)
    truth = CLIP.truth("red", FRAME)
    theirs = session.add_prompt(1, FRAME, Prompt(mask=truth))
    ours = answer(session.engine, bundle, INFOS[0], Prompt(mask=truth)).mask(1)
    assert np.array_equal(pixels(ours), pixels(theirs))
    with pytest.raises(PromptError, match="object 1: a mask stands alone"):
        answer(session.engine, bundle, INFOS[0], Prompt([[1, 1]], [1], mask=truth))  # type: ignore[arg-type]


def test_what_is_in_a_bundle_of_a_tracked_frame(session: VideoSession, tmp_path: Path) -> None:
    bundle = carried(session, tmp_path, "float16")
    red, green, blue = bundle.objects
    assert [each.info for each in bundle.objects] == INFOS
    assert (red.prompt, green.prompt) == (None, None)
    assert blue.prompt is not None
    assert blue.image_embed is None  # the frame that it was first prompted on: no past
    shown = session.result(FRAME)
    assert shown is not None
    for each in (red, green, blue):
        mask = shown.masks[each.info.id]
        assert each.presence == pytest.approx(mask.presence)
        assert each.logits is not None
        assert np.array_equal(each.logits > 0, mask.logits > 0)
    assert red.image_embed is not None
    assert not np.allclose(red.image_embed, bundle.features.image_embed)


def test_the_torch_engine_reads_and_writes_the_same_bundles(tmp_path: Path) -> None:
    torch_engine = load(small_model(), "torch")
    image = CLIP.frames[0]
    of_image(torch_engine, image).save(tmp_path / "b", "float32")
    bundle = Bundle.load(tmp_path / "b", small())
    info, prompt = INFOS[0], CLIP.click("red", 0)
    masks = [answer(engine, bundle, info, prompt).mask(1) for engine in (torch_engine, small())]
    assert masks[0] is not None
    assert masks[1] is not None
    np.testing.assert_allclose(masks[0].logits, masks[1].logits, rtol=1e-3, atol=1e-3)


def test_accuracy_of_each_dtype(tmp_path: Path) -> None:
    shot = shots()[0]
    bundle = of_image(nano(), shot.image)
    points = [click_on(shot.labels == BALL), click_on(shot.labels == BALLOON), (60, 200), (400, 40)]

    def masks(bundle: Bundle) -> list[BoolArray]:
        session = ImageSession(nano())
        session.set_features(bundle.features, bundle.size)
        return [pixels(session.predict(click(*point))[0]) for point in points]

    wanted = masks(bundle)
    for dtype, mean in (("float32", 1.0), ("float16", 0.999), ("int8", 0.99)):
        bundle.save(tmp_path / dtype, dtype)  # type: ignore[arg-type]
        found = masks(Bundle.load(tmp_path / dtype, nano()))
        assert np.mean([iou(a, b) for a, b in zip(found, wanted, strict=True)]) >= mean


def test_a_correction_elsewhere_is_that_of_the_machine_that_tracked(tmp_path: Path) -> None:
    clip = shots()
    objects = dict(zip(INFOS[:2], (BALL, BALLOON), strict=True))
    with VideoSession(nano(), ImageStack([shot.image for shot in clip])) as session:
        for info, key in objects.items():
            session.add_prompt(info.id, 0, click(*click_on(clip[0].labels == key)))
        run(session.propagate())
        tracked = of_frame(session, 8, INFOS[:2])
        bundles: dict[Any, Bundle] = {}
        for dtype in ("float16", "int8"):
            tracked.save(tmp_path / dtype, dtype)  # type: ignore[arg-type]
            bundles[dtype] = Bundle.load(tmp_path / dtype, nano())
        for info, key in objects.items():
            for prompt in (click(*click_on(clip[8].labels == key)), click(5, 5, label=0)):
                theirs = session.add_prompt(info.id, 8, prompt, clear_old=False)
                assert pixels(theirs).any()
                for dtype, bundle in bundles.items():
                    bundles[dtype] = answer(nano(), bundle, info, prompt, clear_old=False)
                    assert iou(pixels(bundles[dtype].mask(info.id)), pixels(theirs)) >= 0.99


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = shots()
    photo(tmp_path / "truck.jpg", 640, 480)
    with VideoSession(nano(), ImageStack([shot.image for shot in clip[:3]])) as session:
        session.add_prompt(1, 0, click(*click_on(clip[0].labels == BALL)))
        run(session.propagate())
        of_frame(session, 2, INFOS[:1]).save(tmp_path / "race" / "000010")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)
    assert names["pixels"].shape == (480, 640)
    assert names["mask"].size == (270, 480)
    assert pixels(names["mask"]).any()

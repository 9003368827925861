"""Drawn scenes: picture and labels must tell the same story, whatever is turned, cut out and pasted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.train.corpus import Corpus, pack
from splitmask.train.sampler import SceneSampler
from splitmask.train.scenes import PASTE_ID, Layers, SceneParams, degrade, draw
from train_helpers import COLOURS, drawn, shapes, source

SIZE = 64


def sampler(corpus: Corpus, seed: int = 0, **params: object) -> SceneSampler:
    weights = np.ones(len(corpus.names))
    return SceneSampler(corpus, weights, SceneParams(**params), np.random.default_rng(seed))  # type: ignore[arg-type]


def plain(layers: Layers) -> Layers:
    """The same scene in the colours of its pictures."""
    return replace(layers, colour=torch.zeros_like(layers.colour))


def interior(labels: Tensor) -> Tensor:
    """(b, t, s, s) → where all neighbours within two pixels are in the frame and have the same label."""
    maps = F.pad(labels.flatten(0, 1)[:, None].float(), (2, 2, 2, 2), value=-1.0)
    high, low = F.max_pool2d(maps, 5, 1), -F.max_pool2d(-maps, 5, 1)
    return (high == low)[:, 0].reshape(labels.shape)


def colour_of(corpus: Corpus, layers: Layers, labels: Tensor) -> Tensor:
    """(b, t, 3, s, s): the colour that a scene's labels promise, for pasted labelled objects too."""
    table = torch.from_numpy(COLOURS).float() / 255
    b, t = labels.shape[:2]
    promised = torch.zeros(b, t, 3, *labels.shape[2:])
    for i in range(b):
        own = torch.zeros(256, 3)
        own[:3] = table
        for j in range(1, layers.labels.shape[1]):
            own[PASTE_ID + j - 1] = table[max(int(layers.labels[i, j]), 0)]
        promised[i] = own[labels[i].long()].permute(0, 3, 1, 2)
    return promised


@pytest.mark.parametrize("frames", [1, 4])
def test_picture_and_labels_agree_to_a_pixel(frames: int) -> None:
    corpus = drawn(4)
    params = {"frames": frames, "pastes": 3, "paste_chance": 0.8, "blob_chance": 0.0}
    layers = plain(sampler(corpus, 3, full_frame_chance=0.3, **params).sample(8))
    images, labels = draw(corpus, layers, SIZE)
    promised = colour_of(corpus, layers, labels)
    assert {int(x) for x in labels.unique()} >= {0, 1, 2, PASTE_ID, PASTE_ID + 1}
    # beyond the picture, where nothing is labelled, lies a random grey
    sure = interior(labels) & (labels > 0)
    assert sure.float().mean() > 0.1
    wrong = ((images - promised).abs().amax(2) > 0.02) & sure
    assert int(wrong.sum()) == 0


def test_random_shapes_are_labelled_where_they_are_seen() -> None:
    """A grey texture pasted in random shapes on the green ground: what is grey is the shape."""
    grey = np.full((72, 96, 3), 128, np.uint8)
    ground = np.full((72, 96, 3), (20, 90, 40), np.uint8)
    corpus = pack([source("ground", ground), source("grey", grey)], side=96, workers=1)
    layers = sampler(corpus, 1, pastes=1, full_frame_chance=1.0).sample(12)
    assert set(layers.labels[:, 1].tolist()) == {-1}, "nothing is labelled, so something is pasted on all"
    layers.samples[..., 0], layers.samples[..., 1] = 0, 1
    images, labels = draw(corpus, plain(layers), SIZE)
    sure = interior(labels)
    is_grey = (images - 128 / 255).abs().amax(2) < 0.02
    assert torch.equal(is_grey[sure], (labels == PASTE_ID)[sure])
    assert 0.02 < float((labels == PASTE_ID).float().mean()) < 0.8


def whole(corpus: Corpus, labels: list[int]) -> Layers:
    """One scene of one frame; picture 0 shown whole in every layer."""
    h, w = (float(x) for x in corpus.sizes[0])
    affine = torch.tensor([[w / 2, 0, w / 2], [0, h / 2, h / 2]]).expand(1, 1, len(labels), 2, 3)
    first = torch.zeros(1, 1, len(labels), dtype=torch.int64)
    return Layers(first, first + 1, torch.tensor([labels]), affine, affine, torch.zeros(1, len(labels), 5))


def test_what_is_pasted_is_opaque_to_the_frames_edge() -> None:
    red = np.full((96, 96, 3), (220, 40, 40), np.uint8)
    corpus = pack([source("red", red, np.ones((96, 96), np.uint8))], side=96, workers=1)
    layers = whole(corpus, [0, 1])
    layers.samples[..., 0], layers.maps[..., 0] = 0, 0
    # the ground is beyond the picture, so a random grey
    affine = layers.affine.clone()
    affine[..., 0, :, 2] = 1000.0
    torch.manual_seed(0)
    images, labels = draw(corpus, replace(layers, affine=affine), 32)
    assert (labels == PASTE_ID).all()
    inside = images[0, 0, :, 1:-1, 1:-1] * 255
    assert inside.flatten(1).amin(1).round().tolist() == [220, 40, 40]
    assert images[0, 0, 0].min() > 0.8, "at the rim only the canvas's own edge is mixed in"


def test_a_whole_picture_without_anything_on_it_is_a_resized_picture() -> None:
    corpus = drawn(1)
    h, w = (int(x) for x in corpus.sizes[0])
    images, labels = draw(corpus, whole(corpus, [0]), 47)
    picture = corpus.images[:, :, :h, :w].float() / 255
    expected = F.interpolate(picture, size=(47, 47), mode="bilinear", align_corners=False)
    # grid_sample reads black beyond the canvas, interpolate repeats the edge: the rim is left out
    assert (images[0, 0] - expected[0])[:, 1:-1, 1:-1].abs().max() < 1 / 255
    ids = F.interpolate(corpus.maps[1:2, None, :h, :w].float(), size=(47, 47), mode="nearest-exact")
    assert torch.equal(labels[0, 0], ids[0, 0].to(torch.uint8))


def test_a_scene_depends_on_its_seed_alone() -> None:
    corpus = drawn(4, clips=True)
    params = {"frames": 3, "pastes": 2}
    a, b, other = (sampler(corpus, seed, **params).sample(4) for seed in (5, 5, 6))
    for name in Layers.__slots__:
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    assert not torch.equal(a.affine, other.affine)
    pictures = []
    for _ in range(2):
        torch.manual_seed(1)
        pictures.append(draw(corpus, a, SIZE))
    assert torch.equal(pictures[0][0], pictures[1][0])
    assert torch.equal(pictures[0][1], pictures[1][1])


def test_real_clips_are_frames_in_order() -> None:
    corpus = drawn(12, clips=True)
    layers = sampler(corpus, 0, frames=3, pastes=0, real_clip_chance=1.0, max_stride=2).sample(40)
    steps = layers.samples[:, 1:, 0] - layers.samples[:, :-1, 0]
    assert set(steps.unique().tolist()) <= {-2, -1, 1, 2}
    assert (steps[:, 0] == steps[:, 1]).all(), "one stride for the whole of a clip"
    same_clip = layers.samples[:, :, 0] < 6
    assert (same_clip.all(1) | ~same_clip.any(1)).all()
    assert torch.equal(layers.maps[:, :, 0], layers.samples[:, :, 0] + 1)


def test_a_frame_that_shows_nothing_does_not_borrow_the_next_frames_labels() -> None:
    image, labels = shapes()
    sources = [source("c_0", image, labels), source("c_1", image), source("c_2", image, labels)]
    corpus = pack(sources, {"c": [0, 1, 2]}, side=96, workers=1)
    layers = sampler(corpus, 0, frames=3, pastes=0, real_clip_chance=1.0, max_stride=1).sample(1)
    rows = {0: 1, 1: 0, 2: 2}
    assert layers.maps[0, :, 0].tolist() == [rows[int(sample)] for sample in layers.samples[0, :, 0]]
    assert int(layers.maps[0, 1, 0]) == 0
    _, labels_drawn = draw(corpus, layers, SIZE)
    assert not labels_drawn[0, 1].any()


def test_things_leave_and_come_back() -> None:
    """Presence is learned from pasted things that are out of view on some frames."""
    corpus = drawn(4)
    layers = sampler(corpus, 0, frames=8, pastes=2, paste_chance=1.0).sample(30)
    _, labels = draw(corpus, layers, SIZE)
    seen = (labels == PASTE_ID).flatten(2).any(2)
    assert bool((seen[:, 0] & ~seen.all(1)).any())
    assert bool((seen[:, 0] & seen.all(1)).any())


@pytest.mark.parametrize("pastes", [1, 3])
def test_what_is_away_is_away_for_long_and_may_come_back(pastes: int) -> None:
    corpus = drawn(4)
    params = {"frames": 12, "pastes": pastes, "paste_chance": 0.0, "blob_chance": 0.0, "away_chance": 1.0}
    layers = sampler(corpus, 0, full_frame_chance=1.0, **params).sample(60)
    _, labels = draw(corpus, layers, SIZE)
    longest, returned = [], 0
    for label in (1, 2, PASTE_ID):
        seen = (labels == label).flatten(2).any(2).int()
        for row in seen[seen[:, 0] > 0].tolist():
            text = "".join(map(str, row))
            longest.append(max(len(gap) for gap in text.split("1")))
            returned += "10000" in text and text.endswith("1")
    assert max(longest) > 6, "longer than memories of other frames last"
    assert sum(gap >= 4 for gap in longest) > 10
    assert returned > 3


def test_a_twin_looks_like_what_is_there_and_is_something_else() -> None:
    corpus = drawn(6)
    params = {"pastes": 1, "paste_chance": 1.0, "twin_chance": 1.0}
    layers = sampler(corpus, 2, **params).sample(20)
    assert torch.equal(layers.samples[:, 0, 0], layers.samples[:, 0, 1])
    assert torch.equal(layers.maps[:, 0, 0], layers.maps[:, 0, 1])
    assert (layers.labels[:, 1] > 0).all()
    assert float((layers.colour[:, 0] - layers.colour[:, 1]).abs().mean()) < 0.4
    _, labels = draw(corpus, layers, SIZE)
    both = sum(
        bool((x == PASTE_ID).any()) and bool((x == k).any())
        for x, k in zip(labels, layers.labels[:, 1], strict=True)
    )
    assert both > 10


def test_degrading_keeps_pictures_pictures() -> None:
    torch.manual_seed(0)
    images = torch.rand(6, 2, 3, 32, 32)
    worse = degrade(images)
    assert worse.shape == images.shape
    assert 0 <= float(worse.min()) <= float(worse.max()) <= 1
    assert 0.002 < float((worse - images).abs().mean()) < 0.2

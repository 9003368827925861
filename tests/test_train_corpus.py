"""From files to tensors on the device: what lies where, and what happens to what cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import readers_helpers as made
from splitmask.errors import DataError
from splitmask.train.corpus import pack, things
from splitmask.train.readers import Problems, split
from splitmask.train.sources import gather
from splitmask.types import ByteArray
from train_helpers import drawn, shapes, source


def broken(name: str = "x.webp") -> tuple[ByteArray, list[ByteArray]]:
    raise DataError(f"{name} is broken (truncated); fetch it again or remove it")


def test_pictures_lie_at_the_top_left_as_they_are() -> None:
    image, labels = shapes(0, 40, 60)
    corpus = pack([source("a", image, labels)], side=64)
    assert corpus.images.shape == (1, 3, 64, 64)
    assert corpus.side == 64
    assert corpus.sizes.tolist() == [[40, 60]]
    assert np.array_equal(corpus.images[0, :, :40, :60].numpy(), image.transpose(2, 0, 1))
    assert np.array_equal(corpus.maps[1, :40, :60].numpy(), labels)
    assert not corpus.images[0, :, 40:].any()
    assert not corpus.images[0, :, :, 60:].any()
    assert not corpus.maps[0].any(), "row 0 is empty"


def test_large_pictures_are_shrunk_with_their_maps() -> None:
    image, labels = shapes(1, 240, 320)
    corpus = pack([source("a", image, labels)], side=80)
    assert corpus.sizes.tolist() == [[60, 80]]
    small, ids = corpus.images[0, :, :60, :80].numpy(), corpus.maps[1, :60, :80].numpy()
    assert set(np.unique(ids)) == {0, 1, 2}, "labels are not averaged"
    # away from edges the picture still has the colour of the label
    red = small[0].astype(int)
    agree = np.abs(red - np.array([20, 220, 140])[ids]) < 30
    assert agree.mean() > 0.95


def test_maps_of_a_sample_lie_one_after_the_other() -> None:
    image, labels = shapes(0)
    only = np.where(labels == 1, 7, 0).astype(np.uint8)
    corpus = pack([source("a", image, labels, only), source("b", image), source("c", image, labels)], side=96)
    assert [list(corpus.rows(i)) for i in range(3)] == [[1, 2], [], [3]]
    assert [corpus.row(0), corpus.row(0, 1), corpus.row(0, 2), corpus.row(1), corpus.row(2)] == [
        1,
        2,
        0,
        0,
        3,
    ]
    assert corpus.labelled.tolist() == [True, False, True]
    assert corpus.maps[2].unique().tolist() == [0, 7]


def test_what_can_be_cut_out() -> None:
    corpus = drawn(3)
    assert len(corpus.cuts) == 6
    for cut in corpus.cuts:
        mask = (corpus.maps[cut.map] == cut.label).numpy()
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert cut.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert cut.area == mask.sum()
        assert cut.map == corpus.first_map[cut.sample]


def test_small_things_and_reserved_labels_are_not_cut_out() -> None:
    labels = np.zeros((50, 50), np.uint8)
    labels[:3, :3], labels[10:20, 10:20], labels[30:45, 30:45] = 1, 2, 251
    assert things(labels, least=10) == [(2, (10, 10, 20, 20), 100)]
    assert things(labels, least=9) == [(1, (0, 0, 3, 3), 9), (2, (10, 10, 20, 20), 100)]


def test_a_broken_picture_ends_the_run_or_is_skipped() -> None:
    sources = [source("a", *shapes()), ("x", broken), source("b", *shapes(1))]
    with pytest.raises(DataError, match=r"x\.webp is broken"):
        pack(sources, side=96)
    problems = Problems("skip")
    corpus = pack(sources, side=96, problems=problems)
    assert problems.lines == ["x.webp is broken (truncated); fetch it again or remove it"]
    assert corpus.names == ["a", "x", "b"], "its place is kept, so that clips still point at theirs"
    assert corpus.sizes[1].tolist() == [1, 1]
    assert corpus.labelled.tolist() == [True, False, True]
    assert {cut.sample for cut in corpus.cuts} == {0, 2}


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(DataError, match="no training images"):
        pack([])
    with pytest.raises(DataError, match=r"none of the 2 training images can be read; first: x\.webp"):
        pack([("x", broken), ("y", broken)], problems=Problems("skip"))


def test_workers_keep_the_order() -> None:
    sources = [source(f"s{i}", *shapes(i)) for i in range(12)]
    one, four = (pack(sources, side=96, workers=n) for n in (1, 4))
    assert torch.equal(one.images, four.images)
    assert torch.equal(one.maps, four.maps)
    assert one.cuts == four.cuts


def test_parts_of_data_sets(tmp_path: Path) -> None:
    made.davis(tmp_path / "davis", ("bear", "train"))
    made.coco(tmp_path / "coco", count=40)
    paths = [tmp_path / "davis", tmp_path / "coco"]
    train, held_out, everything = (gather(paths, part, Problems()) for part in ("train", "held-out", "all"))
    assert sorted(train[1]) == ["davis_bear"]
    assert sorted(held_out[1]) == ["davis_train"]
    assert sorted(everything[1]) == ["davis_bear", "davis_train"]
    assert all(split(name) == "train" for name, _ in train[0])
    names = [name for name, _ in everything[0]]
    assert sorted(names) == sorted(name for part in (train, held_out) for name, _ in part[0])
    assert [names[i] for i in everything[1]["davis_bear"]] == [f"davis_bear_{i:05d}" for i in range(5)]


def test_a_clip_object_keeps_its_map_where_it_is_out_of_view(tmp_path: Path) -> None:
    made.sav_frames(tmp_path)
    sources, clips = gather([tmp_path], "all", Problems())
    corpus = pack(sources, clips, side=64, workers=1)
    frames = clips["sav_sav_000001"]
    assert [len(corpus.rows(i)) for i in frames] == [2, 2, 2]
    assert [bool(corpus.maps[corpus.row(i, 1)].any()) for i in frames] == [False, True, True]


def test_a_frame_on_which_nothing_is_seen_has_the_empty_map(tmp_path: Path) -> None:
    made.project_files(tmp_path)
    sources, clips = gather([tmp_path / "davis"], "train", Problems())
    corpus = pack(sources, clips, side=64, workers=1)
    assert [corpus.row(i) == 0 for i in clips["davis_bear"]] == [False, False, True, False]


def test_a_limit_is_one_of_each_kind(tmp_path: Path) -> None:
    made.davis(tmp_path / "davis", ("bear", "camel", "swan"))
    made.coco(tmp_path / "coco", count=40)
    paths = [tmp_path / "davis", tmp_path / "coco"]

    def names(limit: int | None) -> list[str]:
        return [name for name, _ in gather(paths, "all", Problems(), limit)[0]]

    def count(limit: int) -> dict[str, int]:
        kinds = [name.split("_")[0] for name in names(limit)]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    assert count(11) == {"coco": 11, "davis": 10}, "clips are whole"
    assert count(3) == {"coco": 3, "davis": 5}, "and there is at least one"
    assert names(11) == names(11)
    assert set(names(11)) < set(names(30))
    assert sorted(names(1000)) == sorted(names(None))

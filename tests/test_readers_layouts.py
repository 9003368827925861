"""Every layout gives the same two objects; what is broken is named, and skipped or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import readers_helpers as made
from splitmask.errors import DataError
from splitmask.train import readers
from splitmask.train.readers import ClipSample, ImageSample, ObjectKey, Problems
from splitmask.types import BoolArray


def images_of(path: Path) -> list[ImageSample]:
    return list(readers.open_data(path).images(Problems()))


def clips_of(path: Path) -> list[ClipSample]:
    return list(readers.open_data(path).clips(Problems()))


def masks_of(sample: ImageSample) -> list[BoolArray]:
    """Every object's mask, largest first."""
    maps = readers.load(sample).labels
    masks = [readers.object_mask(maps, key) for key in readers.objects_in(maps)]
    return sorted(masks, key=np.count_nonzero, reverse=True)


def assert_same_picture(image: np.ndarray, expected: np.ndarray) -> None:
    """But for the loss of JPEG and video."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected).mean() < 12


def test_coco(tmp_path: Path) -> None:
    document = made.coco(tmp_path)
    assert readers.detect_layout(tmp_path).name == readers.detect_layout(document).name == "coco"
    samples = images_of(tmp_path)
    assert [sample.name for sample in samples] == [f"coco_{n:012d}" for n in range(3)]
    for number, sample in enumerate(samples[:2]):
        assert_same_picture(sample.load_image(), made.picture(number))
        expected = made.labels(number)
        larger, smaller = masks_of(sample)  # the crowd is left out
        np.testing.assert_array_equal(larger, expected == 2)
        np.testing.assert_array_equal(smaller, expected == 1)
    assert readers.load(samples[2]).labels == []  # nobody annotated it
    assert clips_of(tmp_path) == []


def test_coco_with_uncompressed_counts(tmp_path: Path) -> None:
    document = made.coco(tmp_path)
    content = json.loads(document.read_text())
    content["annotations"][1]["segmentation"] = {"size": [made.H, made.W], "counts": [0, made.H, made.H * 59]}
    document.write_text(json.dumps(content))
    first_column = np.zeros((made.H, made.W), bool)
    first_column[:, 0] = True
    np.testing.assert_array_equal(masks_of(images_of(tmp_path)[0])[1], first_column)


def test_coco_without_its_pictures(tmp_path: Path) -> None:
    document = made.coco(tmp_path)
    (tmp_path / "train2017").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"instances_train2017.json: its first picture 0+\.jpg is in none of"):
        images_of(document)


def test_sa1b_masks_overlap(tmp_path: Path) -> None:
    made.sa1b(tmp_path)
    assert readers.detect_layout(tmp_path).name == "sa-1b"
    samples = images_of(tmp_path)
    assert [sample.name for sample in samples] == ["sa1b_sa_0", "sa1b_sa_1"]
    masks = masks_of(samples[1])
    expected = made.labels(1)
    half = expected == 1
    half[:, 15:] = False
    for mask, truth in zip(masks, [expected == 2, expected == 1, half], strict=True):
        np.testing.assert_array_equal(mask, truth)
    assert len(readers.load(samples[1]).labels) == 2  # the half has a map of its own


def test_davis(tmp_path: Path) -> None:
    made.davis(tmp_path)
    assert readers.detect_layout(tmp_path).name == "davis"
    clips = clips_of(tmp_path)
    assert [clip.name for clip in clips] == ["davis_bear", "davis_train"]
    assert [readers.split(clip.name) for clip in clips] == ["train", "held-out"]
    clip = clips[0]
    assert (clip.frames, clip.annotated, clip.rule) == (5, (0, 1, 2, 3, 4), "davis")
    assert_same_picture(clip.load_frame(3), made.picture(3))
    np.testing.assert_array_equal(readers.frame_labels(clip, 3, (made.H, made.W))[0], made.labels(3))
    frames = images_of(tmp_path)
    assert [frame.name for frame in frames[4:6]] == ["davis_bear_00004", "davis_train_00000"]
    np.testing.assert_array_equal(readers.load(frames[4]).labels[0], made.labels(4))


@pytest.mark.parametrize(("year", "clip", "objects"), [("2016", "davis_bear", 1), ("2017", "davis_train", 2)])
def test_davis_lists(tmp_path: Path, year: str, clip: str, objects: int) -> None:
    """A list of 2016 makes one object of the clip's two."""
    made.davis(tmp_path)
    (found,) = clips_of(tmp_path / "ImageSets" / year / "val.txt")
    assert found.name == clip
    assert len(readers.objects_in(found.load_labels(0))) == objects


def test_davis_list_of_paths(tmp_path: Path) -> None:
    made.davis(tmp_path)
    listing = tmp_path / "ImageSets" / "480p" / "val.txt"
    listing.parent.mkdir()
    listing.write_text(
        "".join(f"/JPEGImages/480p/bear/{i:05d}.jpg /Annotations/480p/bear/{i:05d}.png \n" for i in range(5))
    )
    assert [clip.name for clip in clips_of(listing)] == ["davis_bear"]


def test_davis_list_names_a_sequence_that_is_missing(tmp_path: Path) -> None:
    made.davis(tmp_path)
    listing = tmp_path / "ImageSets" / "2017" / "val.txt"
    listing.write_text("bear\ncamel\n")
    with pytest.raises(DataError, match=r"val\.txt names camel, of which .* has no annotations"):
        clips_of(listing)


def test_davis_void_and_binary_label_maps(tmp_path: Path) -> None:
    """255 is void in an indexed map, the object in a greyscale map of 0 and 255 (DAVIS 2016)."""
    made.davis(tmp_path, ["bear"], frames=2)
    folder = tmp_path / "Annotations" / "480p" / "bear"
    with_void = made.labels()
    with_void[0] = 255
    made.write_indexed(folder / "00000.png", with_void)
    made.write_picture(folder / "00001.png", (made.labels(1) == 2) * np.uint8(255))
    (clip,) = clips_of(tmp_path)
    np.testing.assert_array_equal(clip.load_labels(0)[0], made.labels())
    np.testing.assert_array_equal(clip.load_labels(1)[0], made.labels(1) == 2)


def test_vos(tmp_path: Path) -> None:
    made.vos(tmp_path)
    assert readers.detect_layout(tmp_path).name == "vos"
    assert readers.detect_layout(tmp_path / "train").name == "vos"
    clip = clips_of(tmp_path)[1]
    assert (clip.name, clip.frames, clip.annotated, clip.rule) == ("vos_2c3d", 6, (0, 5), "sav")
    np.testing.assert_array_equal(clip.load_labels(5)[0], made.labels(5))
    assert [sample.name for sample in images_of(tmp_path)][:2] == ["vos_0a1b_00000", "vos_0a1b_00005"]


def test_sav_frames(tmp_path: Path) -> None:
    made.sav_frames(tmp_path)
    assert readers.detect_layout(tmp_path).name == "sa-v"
    (clip,) = clips_of(tmp_path)
    assert (clip.name, clip.frames, clip.annotated, clip.rule) == ("sav_sav_000001", 9, (0, 4, 8), "sav")
    first, later = clip.load_labels(0), clip.load_labels(8)
    np.testing.assert_array_equal(readers.object_mask(first, ObjectKey(0, 1)), made.labels() == 1)
    assert not readers.object_mask(first, ObjectKey(1, 1)).any()  # not there yet
    np.testing.assert_array_equal(readers.object_mask(later, ObjectKey(1, 1)), made.labels(8) == 2)


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_sav_videos(tmp_path: Path, kind: str) -> None:
    made.sav_videos(tmp_path / "sav_000", kind)
    assert readers.detect_layout(tmp_path).name == "sa-v"
    (clip,) = clips_of(tmp_path)
    assert (clip.frames, clip.annotated) == (9, (0, 4, 8))
    for index in (0, 8, 4):
        assert_same_picture(clip.load_frame(index), made.picture(index))
    maps = readers.frame_labels(clip, 4, (made.H, made.W))
    np.testing.assert_array_equal(maps[0], made.labels(4) == 1)
    np.testing.assert_array_equal(maps[1], made.labels(4) > 0)


def test_sav_takes_manual_masklets_before_automatic(tmp_path: Path) -> None:
    made.sav_videos(tmp_path, "manual")
    made.sav_videos(tmp_path, "auto")
    assert len(clips_of(tmp_path)) == 1


@pytest.mark.parametrize("packed", [False, True], ids=["folders", "tars"])
def test_project(tmp_path: Path, packed: bool) -> None:
    root = made.project_files(tmp_path / "files")
    root = made.tars_of(root, tmp_path / "tars") if packed else root
    assert readers.detect_layout(root).name == "project"
    samples = {sample.name: sample for sample in images_of(root)}
    assert len(samples) == 8
    human = readers.load(samples["human_1"])
    np.testing.assert_array_equal(human.image, made.picture(1))
    np.testing.assert_array_equal(human.labels[0], made.labels(1))
    np.testing.assert_array_equal(human.labels[1], made.labels(1) > 0)
    assert human.sample.kind == "human"
    assert readers.load(samples["photo_n1"]).labels == []
    assert readers.load(samples["davis_bear_00002"]).labels == []  # out of view
    (clip,) = clips_of(root)
    assert (clip.name, clip.frames, clip.annotated) == ("davis_bear", 4, (0, 1, 2, 3))
    np.testing.assert_array_equal(clip.load_frame(3), made.picture(3))
    assert not clip.load_labels(2)[0].any()


def test_project_one_kind(tmp_path: Path) -> None:
    root = made.project_files(tmp_path / "files")
    tars = made.tars_of(root, tmp_path / "tars")
    for path in (root / "human", tars / "human.tar"):
        assert [sample.name for sample in images_of(path)] == ["human_0", "human_1", "human_2"]


def test_unknown_layout_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(DataError) as caught:
        readers.detect_layout(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    for layout in readers.LAYOUTS:
        assert layout.name in str(caught.value)


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no data at"):
        readers.open_data(tmp_path / "nowhere")


def _cut_short(root: Path) -> None:
    path = root / "human" / "human_1.0.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _replace_picture(root: Path) -> None:
    (root / "human" / "human_1.webp").write_bytes(b"no picture")


def _other_size(root: Path) -> None:
    made.write_picture(root / "human" / "human_1.1.png", np.ones((30, 60), np.uint8))


def _empty(root: Path) -> None:
    for number in range(2):
        made.write_picture(root / "human" / f"human_1.{number}.png", np.zeros((made.H, made.W), np.uint8))


def _colour(root: Path) -> None:
    made.write_picture(root / "human" / "human_1.0.png", made.picture())


def _too_many(root: Path) -> None:
    made.write_picture(root / "human" / "human_1.0.png", np.full((made.H, made.W), 252, np.uint8))


@pytest.mark.parametrize(
    ("damage", "named", "reason"),
    [
        (_cut_short, "human_1.0.png", "broken"),
        (_replace_picture, "human_1.webp", "not a picture"),
        (_other_size, "human_1.webp", "label map 1 is 60×30 pixels, its picture 60×40"),
        (_empty, "human_1.webp", "annotation is empty"),
        (_colour, "human_1.0.png", "colour picture"),
        (_too_many, "human_1.0.png", "labels outside"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folders", "tars"])
def test_bad_data_is_named(
    tmp_path: Path, damage: Callable[[Path], None], named: str, reason: str, packed: bool
) -> None:
    root = made.project_files(tmp_path / "files")
    damage(root)
    root = made.tars_of(root, tmp_path / "tars") if packed else root
    reader = readers.open_data(root)
    with pytest.raises(DataError) as caught:
        list(readers.load_all(reader.images(Problems("raise")), Problems("raise")))
    line = str(caught.value)
    assert named in line
    assert reason in line
    assert "\n" not in line
    problems = Problems("skip")
    assert len(list(readers.load_all(reader.images(problems), problems))) == 7
    assert problems.lines == [line]


def test_a_tar_cut_short(tmp_path: Path) -> None:
    tar = made.tars_of(made.project_files(tmp_path / "files"), tmp_path / "tars") / "human.tar"
    tar.write_bytes(tar.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"human\.tar.*(cut short|not a whole)"):
        list(readers.load_all(readers.open_data(tar).images(Problems()), Problems()))


def test_bad_coco_annotations_are_named(tmp_path: Path) -> None:
    document = made.coco(tmp_path)
    content = json.loads(document.read_text())
    cases = {
        "annotation is empty": [],
        "at least three x, y pairs": [[1, 2, 3, 4]],
        "the mask is 3×2 pixels, its picture 60×40": {"size": [2, 3], "counts": [0, 6]},
        "add up to 5 pixels": {"size": [made.H, made.W], "counts": [0, 5]},
        "expected polygons or run lengths": "05",
    }
    for reason, segmentation in cases.items():
        content["annotations"][0]["segmentation"] = segmentation
        document.write_text(json.dumps(content))
        with pytest.raises(DataError) as caught:
            readers.load(images_of(tmp_path)[0])
        assert reason in str(caught.value)
        assert "000000000000.jpg, annotation 0" in str(caught.value)


def test_an_annotation_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """The picture keeps its other objects; what is wrong is counted once, however often it loads."""
    document = made.coco(tmp_path)
    content = json.loads(document.read_text())
    content["annotations"][0]["segmentation"] = [[2.1, 2.1, 2.2, 2.1, 2.2, 2.2]]  # between pixel centres
    document.write_text(json.dumps(content))
    problems = Problems("skip")
    sample = next(iter(readers.open_data(tmp_path).images(problems)))
    for _ in range(2):
        (only,) = masks_of(sample)
        np.testing.assert_array_equal(only, made.labels() == 2)
    assert len(problems) == 1
    assert "000000000000.jpg, annotation 0: the annotation is empty" in problems.lines[0]


def test_bad_sa1b_annotations_are_named(tmp_path: Path) -> None:
    made.sa1b(tmp_path, 1)
    document = tmp_path / "sa_0.json"
    content = json.loads(document.read_text())
    content["annotations"][1] = {"bbox": [0, 0, 1, 1]}
    document.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"sa_0\.json, annotations\[1\]: expected polygons or run lengths"):
        readers.load(images_of(tmp_path)[0])
    del content["image"]
    document.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"sa_0\.json: expected image to be dict"):
        readers.load(images_of(tmp_path)[0])


@pytest.mark.parametrize("text", ["{", "[]", '{"images": 3, "annotations": []}', '{"images": []}'])
def test_bad_coco_documents_are_named(tmp_path: Path, text: str) -> None:
    document = made.coco(tmp_path)
    document.write_text(text)
    with pytest.raises(DataError, match=r"instances_train2017\.json"):
        images_of(tmp_path)


def test_a_coco_image_without_a_name_is_skipped(tmp_path: Path) -> None:
    document = made.coco(tmp_path)
    content = json.loads(document.read_text())
    del content["images"][1]["file_name"]
    document.write_text(json.dumps(content))
    problems = Problems("skip")
    samples = list(readers.open_data(tmp_path).images(problems))
    assert [sample.name[-1] for sample in samples] == ["0", "2"]
    assert "images[1]: expected file_name to be str" in problems.lines[0]


def test_a_clip_without_frames_is_skipped(tmp_path: Path) -> None:
    made.davis(tmp_path)
    for path in (tmp_path / "JPEGImages" / "480p" / "bear").iterdir():
        path.unlink()
    problems = Problems("skip")
    assert [clip.name for clip in readers.open_data(tmp_path).clips(problems)] == ["davis_train"]
    assert "bear holds no frame" in problems.lines[0]


def test_sav_without_its_video(tmp_path: Path) -> None:
    made.sav_videos(tmp_path)
    (tmp_path / "sav_000001.mp4").unlink()
    with pytest.raises(DataError, match=r"has no sav_000001\.mp4 beside it"):
        clips_of(tmp_path)


def test_sav_with_a_broken_video(tmp_path: Path) -> None:
    made.sav_videos(tmp_path)
    (tmp_path / "sav_000001.mp4").write_bytes(b"no video")
    (clip,) = clips_of(tmp_path)
    with pytest.raises(DataError, match=r"sav_000001\.mp4"):
        clip.load_frame(0)

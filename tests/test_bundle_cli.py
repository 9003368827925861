"""`splitmask encode` and `splitmask decode`, from files to files."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bundle_helpers import edited
from cli_helpers import files, photo, small_model, splitmask
from media_helpers import write_numbered
from splitmask.bundle import Bundle
from splitmask.engine import load
from splitmask.masks import rle
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip, read_image
from splitmask.result import load_result
from splitmask.session import VideoSession
from splitmask.types import Prompt

Capsys = pytest.CaptureFixture[str]
PARTS = ["embedding.bin", "manifest.json", "preview.jpg"]


def encode(capsys: Capsys, *words: object) -> str:
    outcome = splitmask(capsys, "encode", "--model", small_model(), *words)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def decode(capsys: Capsys, *words: object, model: object = None) -> str:
    outcome = splitmask(capsys, "decode", "--model", model or small_model(), *words)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def wrong(capsys: Capsys, *words: object) -> str:
    return splitmask(capsys, *words, "--model", small_model()).error


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A folder of two pictures and something else."""
    folder = tmp_path / "shots"
    folder.mkdir()
    photo(folder / "shot2.png")
    photo(folder / "shot10.jpg", 61, 47)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def decoder_only(tmp_path: Path) -> Path:
    """The model as a page has it: no encoder, no memory."""
    folder = tmp_path / "decoder"
    shutil.copytree(small_model(), folder)
    for file in folder.iterdir():
        if file.name not in ("graphs.json", "mask_decoder.onnx"):
            file.unlink()
    return folder


def masks_of(file: Path) -> dict[int, np.ndarray]:
    return {mask.id: rle.decode(mask.rle) for mask in load_result(file).frames[0].objects}


@pytest.mark.parametrize("kind", ["folder", "pattern", "zip", "files"])
def test_pictures_from_anywhere(capsys: Capsys, tmp_path: Path, shots: Path, kind: str) -> None:
    sources = {
        "folder": [shots],
        "pattern": [shots / "*.*g"],
        "zip": [shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "shots")],
        "files": [shots / "shot2.png", shots / "shot10.jpg"],
    }
    out = encode(capsys, *sources[kind], "-o", tmp_path / "out")
    assert files(tmp_path / "out") == [f"{name}/{part}" for name in ("shot10", "shot2") for part in PARTS]
    assert [line.split(" → ")[0] for line in out.splitlines()] == [
        "shot2.png: 90 × 60",
        "shot10.jpg: 61 × 47",
        "2 bundles written, 0 there already",
    ]
    assert Bundle.load(tmp_path / "out" / "shot10").size == (47, 61)


def test_a_second_run_goes_on_where_the_first_stopped(capsys: Capsys, tmp_path: Path, shots: Path) -> None:
    out = tmp_path / "out"
    encode(capsys, shots, "-o", out)
    before = (out / "shot2" / "manifest.json").stat().st_mtime_ns
    (out / "shot10" / "manifest.json").unlink()  # as where the first run was ended
    assert encode(capsys, shots, "-o", out).endswith("1 bundle written, 1 there already\n")
    cut = (out / "shot10" / "embedding.bin").read_bytes()[:-1]
    (out / "shot10" / "embedding.bin").write_bytes(cut)
    assert encode(capsys, shots, "-o", out).endswith("1 bundle written, 1 there already\n")
    assert (out / "shot2" / "manifest.json").stat().st_mtime_ns == before
    Bundle.load(out / "shot10")
    assert encode(capsys, shots, "-o", out, "--overwrite").endswith("2 bundles written, 0 there already\n")


def test_another_bundle_stays_unless_told_otherwise(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png")
    encode(capsys, image, "-o", tmp_path / "out")
    before = (tmp_path / "out" / "a" / "embedding.bin").read_bytes()
    words = "encode", image, "-o", tmp_path / "out", "--dtype", "int8"
    assert "--overwrite" in wrong(capsys, *words)
    photo(tmp_path / "a.png", 80, 80)
    assert "of another picture" in wrong(capsys, *words[:4])
    assert (tmp_path / "out" / "a" / "embedding.bin").read_bytes() == before
    encode(capsys, *words[1:], "--overwrite")
    assert len((tmp_path / "out" / "a" / "embedding.bin").read_bytes()) == len(before) // 2


def test_a_picture_that_cannot_be_read_keeps_no_other_from_being_encoded(
    capsys: Capsys, tmp_path: Path, shots: Path
) -> None:
    (shots / "shot1.jpg").write_text("no picture")
    outcome = splitmask(capsys, "encode", "--model", small_model(), shots, "-o", tmp_path / "out")
    assert "shot1.jpg is not an image" in outcome.error
    assert outcome.out.endswith("2 bundles written, 0 there already\n")
    expected = [f"{name}/{part}" for name in ("shot10", "shot2") for part in PARTS]
    assert files(tmp_path / "out") == expected
    for i in range(8):
        (shots / f"junk{i}.jpg").write_text("no picture")
    outcome = splitmask(capsys, "encode", "--model", small_model(), shots, "-o", tmp_path / "out")
    assert outcome.error.count("is not an image") == 5
    assert outcome.error.endswith("; and 4 more")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "prompt",
    [
        ["--point", "30,30"],
        ["--box", "10,10,50,50", "--point", "60,20,0"],
        ["--object", "a", "--point", "30,30", "--object", "b", "--mask", "rough.png"],
        ["--point", "30,30", "--multimask"],
    ],
)
def test_decode_gives_what_segment_gives_without_picture_or_encoder(
    capsys: Capsys,
    tmp_path: Path,
    decoder_only: Path,
    monkeypatch: pytest.MonkeyPatch,
    prompt: list[str],
    zipped: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(Path("rough.png"))
    photo(Path("a.png"))
    words = "a.png", *prompt, "-o", "whole"
    assert splitmask(capsys, "segment", "--model", small_model(), *words).code == 0
    encode(capsys, "a.png", "-o", "bundles", "--dtype", "float32", *(["--zip"] if zipped else []))
    Path("a.png").unlink()
    out = decode(
        capsys, "bundles/a.zip" if zipped else "bundles/a", *prompt, "-o", "split", model=decoder_only
    )
    assert out.startswith("a.png: 90 × 60, ")
    assert files(Path("split")) == files(Path("whole"))
    whole, split = (load_result(Path(name) / "a" / "result.json") for name in ("whole", "split"))
    assert (split.source, split.prompts, split.objects) == (whole.source, whole.prompts, whole.objects)
    theirs = masks_of(Path("whole/a/result.json"))
    for key, mask in masks_of(Path("split/a/result.json")).items():
        assert np.array_equal(mask, theirs[key])
    pictures = [read_image(Path(name) / "a" / "overlay.png").astype(int) for name in ("whole", "split")]
    assert np.abs(pictures[0] - pictures[1]).mean() < 8  # the preview is a JPEG


def test_either_engine_decodes_what_the_other_encoded(capsys: Capsys, tmp_path: Path) -> None:
    encode(capsys, photo(tmp_path / "a.png"), "-o", tmp_path / "bundles", "--engine", "torch")
    for engine in ("torch", "ort"):
        decode(
            capsys,
            tmp_path / "bundles" / "a",
            "--point",
            "30,30",
            "--engine",
            engine,
            "-o",
            tmp_path / engine,
        )
    ours, theirs = (masks_of(tmp_path / engine / "a" / "result.json")[1] for engine in ("torch", "ort"))
    assert (ours == theirs).mean() > 0.999


def test_encoding_needs_what_decoding_does_not(capsys: Capsys, tmp_path: Path, decoder_only: Path) -> None:
    error = splitmask(capsys, "encode", photo(tmp_path / "a.png"), "--model", decoder_only).error
    assert "image_encoder.onnx" in error


def test_frames_of_a_clip_as_they_are(capsys: Capsys, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 12)
    out = encode(capsys, clip, "--frames", "7,2:4", "--zip", "-o", tmp_path / "out")
    assert files(tmp_path / "out") == ["clip/000002.zip", "clip/000003.zip", "clip/000007.zip"]
    assert "clip.mp4, frame 7: " in out
    bundle = Bundle.load(tmp_path / "out" / "clip" / "000007.zip")
    assert (bundle.frame, bundle.objects) == (7, ())
    again = encode(capsys, clip, "--frames", "7,2:4", "--zip", "-o", tmp_path / "out")
    assert again.endswith("0 bundles written, 3 there already\n")


def test_a_tracked_frame_is_corrected_from_its_bundle(
    capsys: Capsys, tmp_path: Path, decoder_only: Path
) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 12)
    track = ["track", clip, "--model", small_model(), "--save", "rle_json", "-o", tmp_path]
    said = ["--object", "dog", "--frame", "3", "--point", "20,20", "--object", "cat", "--point", "50,30"]
    assert splitmask(capsys, *track, *said).code == 0
    result = tmp_path / "clip" / "result.json"
    tracked = load_result(result)
    out = tmp_path / "out"
    encode(capsys, clip, "--frames", "8,1", "--prompts", result, "--dtype", "float32", "-o", out)
    assert files(out) == [f"clip/{name}/{part}" for name in ("000001", "000008") for part in PARTS]
    for frame in (1, 8):
        bundle = Bundle.load(out / "clip" / f"{frame:06d}")
        assert [each.info.name for each in bundle.objects] == ["dog", "cat"]
        assert [each.presence for each in bundle.objects] == pytest.approx(
            [mask.presence for mask in tracked.frames[frame].objects], abs=1e-4
        )
    typo = ["--object", "cow", "--point", "10,40,0"]
    said_of_it = wrong(capsys, "decode", out / "clip" / "000008", *typo, "-o", tmp_path / "fixed")
    assert "cow is no object of the bundle, which holds dog, cat" in said_of_it
    click = ["--object", "cat", "--point", "10,40"]
    decode(capsys, out / "clip" / "000008", *click, "-o", tmp_path / "fixed", model=decoder_only)
    fixed = load_result(tmp_path / "fixed" / "000008" / "result.json")
    assert [(info.id, info.name) for info in fixed.objects] == [(2, "cat")]
    assert (fixed.prompts[0].frame, fixed.frames[0].index) == (8, 8)
    assert fixed.source.sha256 == tracked.source.sha256
    with open_clip(clip) as frames, VideoSession(load(small_model()), frames) as session:
        for object_id, (x, y) in ((1, (20, 20)), (2, (50, 30))):
            session.add_prompt(object_id, 3, Prompt([[x, y]], [1]))  # type: ignore[arg-type]
        for reverse in (True, False):
            list(session.propagate(3, reverse=reverse))
        theirs = session.add_prompt(2, 8, Prompt([[10, 40]], [1]))  # type: ignore[arg-type]
    assert np.array_equal(
        masks_of(tmp_path / "fixed" / "000008" / "result.json")[2], logits_to_mask(theirs.logits, theirs.size)
    )


def test_bundles_of_the_run_that_tracks_are_those_that_encode_makes(capsys: Capsys, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 12)
    words = "track", clip, "--model", small_model(), "--save", "rle_json", "--frame", "3", "--point", "20,20"
    outcome = splitmask(capsys, *words, "--bundles", "1,8:10", "-o", tmp_path / "run")
    assert (outcome.code, outcome.err) == (0, "")
    names = [f"00000{frame}/{part}" for frame in (1, 8, 9) for part in PARTS]
    assert files(tmp_path / "run" / "clip") == [*names, "masks.json", "result.json"]
    result = tmp_path / "run" / "clip" / "result.json"
    encode(capsys, clip, "--frames", "1,8:10", "--prompts", result, "-o", tmp_path / "again")
    for name in names:
        ours, theirs = (tmp_path / folder / "clip" / name for folder in ("run", "again"))
        assert ours.read_bytes() == theirs.read_bytes()
    again = encode(capsys, clip, "--frames", "1,8:10", "--prompts", result, "-o", tmp_path / "run")
    assert again.endswith("0 bundles written, 3 there already\n")
    assert "already holds masks.json, result.json, 000009" in wrong(
        capsys, *words, "--bundles", "9", "-o", tmp_path / "run"
    )
    late = splitmask(capsys, *words, "--bundles", "2", "--forward", "-o", tmp_path / "late")
    assert "--bundles: frame 2 is not tracked" in late.error
    assert not (tmp_path / "late").exists()


def test_a_tracked_run_goes_on_where_it_stopped(capsys: Capsys, tmp_path: Path) -> None:
    clip, out, prompts = write_numbered(tmp_path / "clip.mp4", 12), tmp_path / "out", tmp_path / "said.json"
    said = {"frame": 3, "object": 1, "points": [[20, 20]], "labels": [1]}
    prompts.write_text(json.dumps({"version": 1, "prompts": [said]}))
    words = clip, "--frames", "1,8:10", "--prompts", prompts, "-o", out
    assert encode(capsys, *words).endswith("3 bundles written, 0 there already\n")
    folder = out / "clip" / "000008"
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "manifest.json").unlink()  # as where the first run was ended
    assert encode(capsys, *words).endswith("1 bundle written, 2 there already\n")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == whole
    assert encode(capsys, *words).endswith("0 bundles written, 3 there already\n")
    prompts.write_text(json.dumps({"version": 1, "prompts": [said | {"points": [[21, 20]]}]}))
    assert "000001 is there already, of another picture, prompts" in wrong(capsys, "encode", *words)
    assert "is there already, of another" in wrong(capsys, "encode", *words[:3], "-o", out)
    assert encode(capsys, *words, "--overwrite").endswith("3 bundles written, 0 there already\n")
    assert (folder / "manifest.json").read_bytes() != whole["manifest.json"]


def cut(bundle: Path) -> None:
    whole = (bundle / "embedding.bin").read_bytes()
    (bundle / "embedding.bin").write_bytes(whole[: len(whole) // 2])


def flip(bundle: Path) -> None:
    content = bytearray((bundle / "embedding.bin").read_bytes())
    content[77] ^= 1
    (bundle / "embedding.bin").write_bytes(content)


def nan(bundle: Path) -> None:
    edited(bundle, lambda m: [tensor.pop("sha256") for tensor in m["tensors"].values()])
    numbers = np.fromfile(bundle / "embedding.bin", "<f2")
    numbers[5] = np.nan
    numbers.tofile(bundle / "embedding.bin")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "it is cut off"),
        (flip, "image_embed is damaged (its sha256 is another)"),
        (nan, "image_embed holds NaN or infinity"),
        (lambda b: edited(b, lambda m: m.update(version=9)), "has version 9, this splitmask reads 1"),
        (lambda b: edited(b, lambda m: m.update(model="sam2.1-tiny")), "of the model sam2.1-tiny"),
        (lambda b: edited(b, lambda m: m.update(weightsSha256="0" * 64)), "of other weights"),
        (lambda b: edited(b, lambda m: m["preprocess"].update(size=7)), "of 7 px pictures"),
        (lambda b: edited(b, lambda m: m["tensors"]["image_embed"].update(offset=-64)), "offset: expected"),
        (lambda b: edited(b, lambda m: m["tensors"]["image_embed"].update(offset=1 << 29)), "ends at"),
        (lambda b: edited(b, lambda m: m["tensors"]["image_embed"].update(offset=64)), "overlap"),
        (
            lambda b: edited(b, lambda m: m["tensors"]["image_embed"].update(shape=[1, 1 << 20, 1 << 20])),
            "within 1073741824 bytes",
        ),
    ],
)
def test_a_wrong_bundle_is_said_in_a_line(
    capsys: Capsys, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    encode(capsys, photo(tmp_path / "a.png"), "-o", tmp_path / "out")
    damage(tmp_path / "out" / "a")
    words = "decode", tmp_path / "out" / "a", "--point", "9,9", "-o", tmp_path / "results"
    assert says in wrong(capsys, *words)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["encode", "nothing.png"], "nothing.png does not exist"),
        (["encode", "*.gif"], "*.gif matches no image"),
        (["encode", "empty"], "folder empty holds no images"),
        (["encode", "empty.zip"], "empty.zip holds no images"),
        (["encode", "cut.zip"], "cut.zip is damaged, or has a password"),
        (["encode", "half.zip"], "half.zip is damaged or no zip"),
        (["encode", "bad.zip"], "bad.zip/../a.png is not an image"),
        (["encode", "clip.mp4"], "to encode frames of a video say which: --frames 10,20"),
        (["encode", "clip.mp4", "--frames", "99"], "frame 99 does not exist: clip.mp4 has 3 frames"),
        (["encode", "clip.mp4", "--frames", "1,x"], '"x" is neither a frame nor A:B; write e.g. 10,20:24'),
        (["encode", "clip.mp4", "--frames", "1:"], "--frames 1:: say where it ends"),
        (["encode", "clip.mp4", "a.png", "--frames", "1"], "for one video"),
        (["encode", "clip.mp4", "--frames", "1", "--prompts", "late.json"], "frame 7 does not exist"),
        (["encode", "a.png", "--prompts", "late.json"], "say which with --frames"),
        (["encode", "a.png", "--dtype", "int4"], "choose one of float32, float16, int8"),
        (["encode", "a.png", "x/a.png"], "would both write to a"),
        (["decode", "a.png", "--point", "1,1"], "a.png: no bundle, or a damaged one"),
        (["decode", "nothing", "--point", "1,1"], "nothing: there is no such file or folder"),
        (["decode", "out/a"], "say what the object is"),
        (["decode", "out/a", "--point", "91,1"], "outside the frame"),
        (["decode", "out/clip/000001", "--point", "1,1", "--multimask"], "--multimask is for stills"),
    ],
)
def test_what_users_get_wrong(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("x", "empty"):
        Path(folder).mkdir()
    photo(Path("a.png"))
    photo(Path("x/a.png"))
    write_numbered(Path("clip.mp4"), 3)
    late = {"version": 1, "prompts": [{"frame": 7, "object": 1, "points": [[1, 1]], "labels": [1]}]}
    Path("late.json").write_text(json.dumps(late))
    with zipfile.ZipFile("empty.zip", "w") as archive:
        archive.writestr("notes.txt", "")
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("../a.png", "no picture")
    with zipfile.ZipFile("cut.zip", "w") as archive:
        archive.write("a.png")
    whole = bytearray(Path("cut.zip").read_bytes())
    whole[60] ^= 255
    Path("cut.zip").write_bytes(whole)
    Path("half.zip").write_bytes(whole[: len(whole) // 2])
    if words[0] == "decode":
        encode(capsys, "a.png", "-o", "out")
        encode(capsys, "clip.mp4", "--frames", "1", "-o", "out")
    before = files(Path())
    assert says in wrong(capsys, *words, "-o", "results")
    assert files(Path()) == before


def test_a_picture_that_is_named_twice_is_encoded_once(capsys: Capsys, tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    out = encode(capsys, tmp_path, tmp_path / "a.png", tmp_path / "*.png", "-o", tmp_path / "out")
    assert out.count("a.png: ") == 1
    assert files(tmp_path / "out") == [f"a/{part}" for part in PARTS]


def test_a_damaged_preview_is_said_to_be_that_bundles(capsys: Capsys, tmp_path: Path) -> None:
    encode(capsys, photo(tmp_path / "a.png"), "-o", tmp_path / "out")
    bundle = tmp_path / "out" / "a"
    (bundle / "preview.jpg").write_bytes(b"no picture")
    error = wrong(capsys, "decode", bundle, "--point", "9,9", "-o", tmp_path / "results")
    assert error == f"{bundle}: preview.jpg is damaged; copy the bundle again, or remove it"

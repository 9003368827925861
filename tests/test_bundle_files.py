"""Bundles as files: what comes back, what other programs may write, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle_helpers import FEATURES, arrays, drawn, edited, with_map
from cli_helpers import files, small_model
from splitmask.bundle import Bundle, BundleObject, Origin, of_image
from splitmask.bundle.make import preview_picture
from splitmask.engine import Engine, load
from splitmask.errors import BundleError, OutputError
from splitmask.presets import PRESETS
from splitmask.result import ObjectInfo
from splitmask.types import Prompt

PAGE = Path(__file__).parent.parent / "docs" / "bundle.md"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load(small_model(), "ort", threads=1)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    ramp = np.linspace(0, 255, 60 * 90 * 3).reshape(60, 90, 3)
    return ramp.astype(np.uint8)


def one_line(path: Path, engine: Engine | None = None) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.load(path, engine)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", ["photo", "photo.zip"])
def test_all_of_it_comes_back(tmp_path: Path, engine: Engine, image: np.ndarray, name: str) -> None:
    origin = Origin("clip.mp4", "ab" * 32, 7, 30)
    bundle = of_image(engine, image, origin)
    mask = np.zeros((60, 90), bool)
    mask[10:20, 30:50] = True
    said = BundleObject(
        ObjectInfo(3, "dog", "#ff0000"),
        bundle.features.image_embed * 2,
        np.full((16, 16), -1024, np.float32),
        -2.5,
        0.75,
        Prompt(mask=mask),
    )
    bundle = replace(bundle, objects=(said, BundleObject(ObjectInfo(5, "cat", "#00ff00"))))
    bundle.save(tmp_path / name, "float32")
    back = Bundle.load(tmp_path / name, engine)
    for key, array in arrays(bundle).items():
        assert np.array_equal(arrays(back)[key], array)
    assert (back.size, back.origin, back.preview) == ((60, 90), origin, bundle.preview)
    assert (back.model, back.preprocess) == (engine.preset.name, bundle.preprocess)
    dog, cat = back.objects
    assert (dog.info, dog.presence, dog.score) == (said.info, -2.5, 0.75)
    assert np.array_equal(dog.image_embed, said.image_embed)
    assert np.array_equal(dog.logits, said.logits)
    assert dog.prompt is not None
    assert np.array_equal(dog.prompt.mask, mask)
    assert (cat.info.id, cat.image_embed, cat.logits, cat.prompt) == (5, None, None, None)


def test_masks_so_far_stay_exact_beside_int8(tmp_path: Path) -> None:
    logits = np.linspace(-1024, 8, 256, dtype=np.float32).reshape(16, 16).astype(np.float16)
    dog = BundleObject(ObjectInfo(1, "dog", "#ff0000"), logits=logits.astype(np.float32))
    replace(drawn(), objects=(dog,)).save(tmp_path / "b", "int8")
    assert np.array_equal(Bundle.load(tmp_path / "b").objects[0].logits, logits)


def test_the_same_bundle_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        drawn().save(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(("dtype", "size"), [("float16", 8_388_608), ("int8", 4_194_304)])
def test_a_bundle_of_sam_21_is_as_large_as_it_should_be(tmp_path: Path, dtype: Any, size: int) -> None:
    drawn(PRESETS["sam2.1-tiny"]).save(tmp_path / "b", dtype)
    assert (tmp_path / "b" / "embedding.bin").stat().st_size == size


def minimal(folder: Path, bundle: Bundle, gap: int = 0) -> Path:
    """As a notebook may write it: float16, tensors one after the other, and little said of them."""
    folder.mkdir()
    tensors, data = {}, b""
    for name, array in arrays(bundle).items():
        tensors[name] = {"shape": list(array.shape), "offset": len(data)}
        data += array.astype("<f2").tobytes() + bytes(gap)
    h, w = bundle.size
    manifest = {"tensors": tensors, "originalWidth": w, "originalHeight": h}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "embedding.bin").write_bytes(data)
    return folder


@pytest.mark.parametrize("gap", [0, 2])
def test_a_manifest_that_says_only_what_it_must(tmp_path: Path, engine: Engine, gap: int) -> None:
    bundle = drawn(engine.preset)
    back = Bundle.load(minimal(tmp_path / "b", bundle, gap), engine)
    for name, array in arrays(bundle).items():
        assert np.array_equal(arrays(back)[name], array.astype(np.float16).astype(np.float32))
    assert (back.size, back.model, back.origin, back.preview) == ((60, 90), "", None, None)
    assert (preview_picture(back) == 128).all()


def test_a_folder_that_somebody_zipped(tmp_path: Path) -> None:
    drawn().save(tmp_path / "in" / "photo")
    shutil.make_archive(str(tmp_path / "photo"), "zip", tmp_path / "in")
    assert Bundle.load(tmp_path / "photo.zip").model == "test-conv"


def test_the_preview_has_the_pictures_size(engine: Engine, image: np.ndarray) -> None:
    bundle = of_image(engine, image)
    assert np.abs(preview_picture(bundle).astype(int) - image).mean() < 6
    with pytest.raises(BundleError, match=r"preview\.jpg is damaged"):
        preview_picture(replace(bundle, preview=(bundle.preview or b"")[:200]))


@pytest.mark.skipif(shutil.which("node") is None, reason="the reader of the page is JavaScript")
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_the_javascript_of_the_page_reads_the_same_numbers(tmp_path: Path, dtype: Any) -> None:
    drawn().save(tmp_path / "b", dtype)
    (code,) = re.findall(r"```js\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert code.count("\n") <= 20
    code = code.replace("export ", "") + (
        "const fs = await import('node:fs');"
        "const m = JSON.parse(fs.readFileSync('b/manifest.json'));"
        "const raw = fs.readFileSync('b/embedding.bin');"
        "const buffer = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length);"
        "for (const name of Object.keys(m.tensors))"
        " fs.writeFileSync(name, readTensor(m.tensors[name], buffer));"
    )
    subprocess.run(["node", "--input-type=module", "-e", code], cwd=tmp_path, check=True)
    for name, array in arrays(Bundle.load(tmp_path / "b")).items():
        read = np.fromfile(tmp_path / name, "<f4")
        np.testing.assert_allclose(read, array.reshape(-1), rtol=2e-7 if dtype == "int8" else 0)


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(version=2), "has version 2, this splitmask reads 1"),
        (lambda m: m["preprocess"].update(layout="letterboxed"), 'layout: expected "stretched": in pictures'),
        (lambda m: m.update(version="x"), "manifest.json: version: expected an integer"),
        (lambda m: m.pop("tensors"), "manifest.json: tensors: missing"),
        (lambda m: m["tensors"].pop("high_res_feats_1"), "tensors.high_res_feats_1: missing"),
        (lambda m: m.update(originalWidth=0), "originalWidth: expected an integer, 1 or more, found 0"),
        (lambda m: m.update(originalWidth=2**30), "originalWidth: expected a picture of at most"),
        (lambda m: m["tensors"]["image_embed"].update(offset=1 << 20), "but image_embed ends at"),
        (lambda m: m["tensors"]["image_embed"].update(offset=64), "image_embed and high_res_feats_0 overlap"),
        (
            lambda m: m["tensors"]["image_embed"].update(sha256="00" * 32),
            "image_embed is damaged (its",
        ),
        (
            lambda m: m["tensors"]["image_embed"].update(shape=[1, 16, 4, 4], bytes=512),
            "high_res_feats_0 has the shape (1, 4, 16, 16) instead of (1, 2, 16, 16)",
        ),
        (lambda m: m["source"].update(name="../a.jpg"), "source.name: expected the name of a file, without"),
        (lambda m: m["source"].update(name="a\0.jpg"), "source.name: expected the name of a file, without"),
        (lambda m: m.update(objects=[{"id": 1, "color": "red"}]), "objects[0].color: expected a colour"),
        (lambda m: m.update(objects=[{"id": 1, "color": "#000000"}]), "objects[0].name: missing"),
        (
            lambda m: m.update(
                objects=[
                    {"id": 1, "name": "", "color": "#000000", "imageEmbed": "x", "presence": 0, "score": 0}
                ]
            ),
            'objects[0].imageEmbed: expected the name of one of the tensors, found "x"',
        ),
        (
            lambda m: m.update(
                objects=[
                    {
                        "id": 1,
                        "name": "",
                        "color": "#000000",
                        "logits": "image_embed",
                        "presence": 0,
                        "score": 0,
                    }
                ]
            ),
            "image_embed has the shape (1, 32, 4, 4) instead of (1, 1, M, M)",
        ),
        (lambda m: m.update(prompts=[{"frame": 0, "object": 1, "labels": [1]}]), "1 labels for 0 points"),
        (
            lambda m: m.update(
                prompts=[{"frame": 0, "object": 1, "mask": {"size": [30000, 30000], "counts": "0"}}]
            ),
            "prompts[0].mask",
        ),
    ],
)
def test_a_wrong_manifest_is_said_in_one_line(tmp_path: Path, change: Change, says: str) -> None:
    drawn().save(tmp_path / "b")
    folder = edited(tmp_path / "b", change)
    if "damaged" not in says:
        edited(folder, lambda m: [t.pop("sha256", None) for t in m.get("tensors", {}).values()])
    assert says in one_line(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(model="sam2.1-tiny"), "of the model sam2.1-tiny, not of test-conv: give --model"),
        (lambda m: m.update(weightsSha256="ef" * 32), "of other weights of test-conv (efefefefefef…"),
        (lambda m: m["preprocess"].update(size=1024), "of 1024 px pictures, test-conv takes 64 px"),
    ],
)
def test_a_bundle_of_another_model(
    tmp_path: Path, engine: Engine, image: np.ndarray, change: Change, says: str
) -> None:
    of_image(engine, image).save(tmp_path / "b")
    Bundle.load(tmp_path / "b", engine)
    assert says in one_line(edited(tmp_path / "b", change), engine)


def test_features_of_another_size_than_the_models(tmp_path: Path, engine: Engine) -> None:
    bundle = minimal(tmp_path / "b", drawn(PRESETS["test-hiera"]))
    assert "instead of (1, 32, 4, 4), as test-conv has it" in one_line(bundle, engine)


def test_nan_in_the_file(tmp_path: Path) -> None:
    bundle = drawn()
    bundle.features.image_embed[0, 3, 1, 1] = np.nan
    assert "image_embed holds NaN or infinity" in one_line(minimal(tmp_path / "b", bundle))
    with pytest.raises(BundleError, match="image_embed holds NaN"):
        bundle.save(tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "expected an object, found a list"),
        (b"null", "expected an object, found null"),
        (b'{"version": 1e999}', "version"),
        (b" " * ((16 << 20) + 1), "longer than 16 MiB"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, content: bytes, says: str) -> None:
    drawn().save(tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_bytes(content)
    assert says in one_line(tmp_path / "b")


def test_what_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("../manifest.json", "{}")
        archive.writestr("/etc/manifest.json", "{}")
    assert "no manifest.json" in one_line(tmp_path / "empty")
    assert "no manifest.json" in one_line(tmp_path / "other.zip")
    assert "no bundle, or a damaged one" in one_line(tmp_path / "text.zip")
    assert "no such file or folder" in one_line(tmp_path / "nothing")
    drawn().save(tmp_path / "half")
    (tmp_path / "half" / "embedding.bin").unlink()
    assert "no embedding.bin" in one_line(tmp_path / "half")
    assert files(tmp_path) == ["half/manifest.json", "half/preview.jpg", "other.zip", "text.zip"]


def test_a_zip_bomb_is_read_no_further_than_the_manifest_says(tmp_path: Path) -> None:
    drawn().save(tmp_path / "good.zip")
    with (
        zipfile.ZipFile(tmp_path / "good.zip") as good,
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        bomb.writestr("manifest.json", good.read("manifest.json"))
        with bomb.open("embedding.bin", "w") as sink:
            for _ in range(64):
                sink.write(bytes(1 << 20))
    tracemalloc.start()
    assert "is damaged" in one_line(tmp_path / "bomb.zip")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(data=st.data())
@pytest.mark.parametrize("name", ["embedding.bin", "manifest.json", "b.zip"])
def test_cut_off_at_any_byte(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = folder / ("b.zip" if name == "b.zip" else "b")
    drawn().save(path)
    file = path if name == "b.zip" else path / name
    whole = file.read_bytes()
    end = len(whole.rstrip(b"\n"))  # the manifest's last line break means nothing
    file.write_bytes(whole[: data.draw(st.integers(0, end - 1))])
    one_line(path)


@SLOW
@given(data=st.data())
@pytest.mark.parametrize("name", ["embedding.bin", "b.zip"])
def test_no_changed_byte_goes_unseen_or_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    path = folder / ("b.zip" if name == "b.zip" else "b")
    drawn().save(path)
    file = path if name == "b.zip" else path / name
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    try:
        back = Bundle.load(path)
    except BundleError:
        return
    assert name == "b.zip"  # a date, a flag: nothing that is read
    for key, array in arrays(drawn()).items():
        assert np.array_equal(arrays(back)[key], array.astype(np.float16).astype(np.float32))


def test_a_bundle_that_cannot_be_written_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        drawn().save(tmp_path / "file" / "b")
    (tmp_path / "b" / "embedding.bin").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot write"):
        drawn().save(tmp_path / "b")
    assert files(tmp_path) == ["b/preview.jpg", "file"]


def test_numbers_that_float16_cannot_hold(tmp_path: Path) -> None:
    bundle = drawn()
    large = with_map(bundle, image_embed=bundle.features.image_embed + 1e5)
    with pytest.raises(BundleError, match="choose float32"):
        large.save(tmp_path / "b")
    large.save(tmp_path / "b", "float32")
    assert set(FEATURES) <= set(arrays(Bundle.load(tmp_path / "b")))

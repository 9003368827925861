"""Golden answers as files: the same inputs in every language, what is stored, what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_helpers import small_model, splitmask
from splitmask.engine import golden
from splitmask.engine.golden import Input, Output, noise, sampling_step
from splitmask.engine.graphs import GraphSet, read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.errors import ModelError
from splitmask.types import FloatArray

PAGE = Path(__file__).parent.parent / "docs" / "graphs.md"
NANO = Path(golden.__file__).parent.parent / "weights" / "nano"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    engine, graphs = OrtEngine(small_model(), threads=1), read_graphs(Path(small_model()))
    cases = [engine.golden_case(name) for name in graphs.graphs]
    golden.write(tmp_path, cases, graphs.weights_sha256)
    return tmp_path


@pytest.fixture
def graphs() -> GraphSet:
    return read_graphs(Path(small_model()))


def test_what_is_written_is_read(folder: Path, graphs: GraphSet) -> None:
    back = golden.read(folder, graphs)
    assert list(back) == list(graphs.graphs)
    engine = OrtEngine(small_model(), threads=1)
    for name, case in back.items():
        made = engine.golden_case(name)
        assert (case.graph, case.sha256, case.inputs) == (made.graph, made.sha256, made.inputs)
        for key, output in made.outputs.items():
            kept = case.outputs[key]
            assert (kept.shape, kept.step, kept.largest) == (output.shape, output.step, output.largest)
            np.testing.assert_allclose(kept.sample, output.sample, rtol=1e-5, atol=1e-6)


def test_inputs_are_what_graphs_take(graphs: GraphSet) -> None:
    engine = OrtEngine(small_model(), threads=1)
    inputs = {name: engine.golden_case(name).inputs for name in graphs.graphs}
    tpos = inputs["memory_attention"]["memory_tpos"].array()
    assert tpos.tolist() == [np.eye(7)[:2].tolist()]
    assert inputs["memory_attention"]["pointer_dt"].array().tolist() == [[0, 1 / 16]]
    assert set(inputs["mask_decoder"]["point_labels"].array().reshape(-1)) == {0, 1}
    assert inputs["mask_decoder"]["point_coords"].array().max() < 64
    assert inputs["mask_decoder"]["has_mask_input"].array().tolist() == [1]
    seeds = [each.seed for case in inputs.values() for each in case.values() if each.values is None]
    assert all(seeds)


def test_noise_is_uniform_and_the_same_wherever_it_is_made() -> None:
    x = noise((3, 50, 40), 7, 2.0)
    assert x.dtype == np.float32
    assert np.abs(x).max() <= 2
    assert abs(x.mean()) < 0.1
    assert x.std() == pytest.approx(2 / 3**0.5, rel=0.05)
    assert not np.array_equal(x, noise((3, 50, 40), 8, 2.0))
    # by the integers of the page, in Python's own
    expected = []
    for i in range(5):
        h = (i + 7 * 0x9E3779B9) & 0xFFFFFFFF
        h = ((h ^ h >> 16) * 0x7FEB352D) & 0xFFFFFFFF
        h = ((h ^ h >> 15) * 0x846CA68B) & 0xFFFFFFFF
        expected.append(((h ^ h >> 16) >> 8) / 2**23 * 2 - 2)
    assert x.reshape(-1)[:5].tolist() == expected


@pytest.mark.skipif(shutil.which("node") is None, reason="the code of the page is JavaScript")
def test_the_javascript_of_the_page_makes_the_same_inputs_and_finds_the_same_difference(
    folder: Path, graphs: GraphSet
) -> None:
    (code,) = re.findall(r"```js\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    case = golden.read(folder, graphs)["mask_decoder"]
    masks = noise(case.outputs["masks"].shape, 3, 4.0)
    masks.tofile(folder / "masks")
    script = code.replace("export ", "") + (
        "const fs = await import('node:fs');"
        "const golden = JSON.parse(fs.readFileSync('golden.json'));"
        "const bytes = (name) => new Uint8Array(fs.readFileSync(name)).buffer;"
        "const at = golden.cases.find((c) => c.graph === 'mask_decoder');"
        "for (const [name, input] of Object.entries(at.inputs)) fs.writeFileSync(name, goldenInput(input));"
        "console.log(difference(at.outputs.masks, bytes('golden.bin'), new Float32Array(bytes('masks'))));"
    )
    run = ["node", "--input-type=module", "-e", script]
    said = subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True).stdout
    for name, each in case.inputs.items():
        assert np.array_equal(np.fromfile(folder / name, "<f4"), each.array().reshape(-1)), name
    assert float(said) == pytest.approx(case.outputs["masks"].difference(masks), rel=1e-6)


def test_samples_reach_every_column_and_stay_few() -> None:
    for size in (1, 4, 1023, 1024, 128 * 32 * 32, 256 * 64 * 64, 32 * 256 * 256):
        step = sampling_step(size)
        assert step % 2 == 1
        assert 1 <= len(range(0, size, step)) <= golden.SAMPLES * 1.5
    assert set(np.arange(0, 128 * 32 * 32, sampling_step(128 * 32 * 32)) % 32) == set(range(32))


@pytest.mark.parametrize(
    ("change", "off"),
    [
        (lambda x: x, 0),
        (lambda x: x + 0.01 * np.abs(x).max(), 0.01),
        (lambda x: x * np.nan, np.inf),
        (lambda x: x[:1], np.inf),
        (lambda x: -x, 2),
    ],
)
def test_how_far_an_answer_is_off(change: Callable[[FloatArray], FloatArray], off: float) -> None:
    x = np.linspace(-3, 3, 3000, dtype=np.float32).reshape(3, 10, 100)
    assert Output.of(x).difference(change(x)) == pytest.approx(off, rel=0.01)


def test_a_wrong_answer_is_named(folder: Path, graphs: GraphSet) -> None:
    case = golden.read(folder, graphs)["memory_encoder"]

    def wrong(feed: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        assert {name: x.shape for name, x in feed.items()} == {n: i.shape for n, i in case.inputs.items()}
        return {"memory": np.zeros(case.outputs["memory"].shape, np.float32)}

    said = case.check(wrong)
    assert said is not None
    assert said.startswith("memory_encoder answers memory wrongly, off by ")


def test_answers_of_other_graphs_do_not_count(folder: Path, graphs: GraphSet) -> None:
    content = json.loads((folder / golden.FILE).read_text())
    content["cases"][0]["sha256"] = "0" * 64
    (folder / golden.FILE).write_text(json.dumps(content))
    assert list(golden.read(folder, graphs)) == list(graphs.graphs)[1:]
    (folder / golden.FILE).unlink()
    assert golden.read(folder, graphs) == {}


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda g: g.update(format="other"), "format"),
        (lambda g: g.update(version=2), "version"),
        (lambda g: g.pop("cases"), "cases: missing"),
        (lambda g: g["cases"][0]["inputs"]["image"].update(shape=[1, 1 << 30]), "less numbers"),
        (lambda g: g["cases"][0]["inputs"]["image"].update(values=[1, 2]), "1 or 12288 numbers"),
        (lambda g: g["cases"][0]["outputs"]["image_embed"].update(offset=1 << 30), "within golden.bin"),
        (lambda g: g["cases"][0]["outputs"]["image_embed"].update(offset=-1), "offset"),
        (lambda g: g["cases"][0]["outputs"]["image_embed"].update(count=3), "count"),
        (lambda g: g["cases"][0]["outputs"]["image_embed"].update(largest="x"), "largest"),
    ],
)
def test_damaged_answers_are_said_in_a_line(
    folder: Path, graphs: GraphSet, change: Change, says: str
) -> None:
    content = json.loads((folder / golden.FILE).read_text())
    change(content)
    (folder / golden.FILE).write_text(json.dumps(content))
    with pytest.raises(ModelError) as error:
        golden.read(folder, graphs)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_answers_that_are_cut_off_are_said_in_a_line(folder: Path, graphs: GraphSet) -> None:
    whole = (folder / golden.BINARY).read_bytes()
    (folder / golden.BINARY).write_bytes(whole[:-4])
    with pytest.raises(ModelError, match=r"golden\.json is damaged: .*within golden\.bin"):
        golden.read(folder, graphs)
    (folder / golden.BINARY).unlink()
    with pytest.raises(ModelError, match=r"cannot read .*golden\.bin: No such file"):
        golden.read(folder, graphs)


def test_the_model_in_the_package_answers_as_it_did_when_it_was_made() -> None:
    graphs = read_graphs(NANO)
    cases = golden.read(NANO, graphs)
    assert set(cases) == set(graphs.graphs), "export it again: see weights/nano/README.md"
    assert (NANO / golden.BINARY).stat().st_size <= 64_000
    OrtEngine(NANO, provider="cpu", self_test=True).warm_up()


def test_an_input_of_one_number_is_filled() -> None:
    assert Input((2, 3), values=(0.5,)).array().tolist() == [[0.5] * 3] * 2
    assert Input((2, 2), values=(1, 2, 3, 4)).array().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("words", [[], ["--precision", "int8", "--decode-prepare"], ["--points", "3"]])
def test_an_export_comes_with_golden_answers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    assert splitmask(capsys, "export-onnx", small_model(), "-o", tmp_path, *words).code == 0
    graphs = read_graphs(tmp_path)
    assert set(golden.read(tmp_path, graphs)) == set(graphs.graphs) >= {"mask_decoder", "memory_attention"}
    OrtEngine(tmp_path, threads=1, self_test=True).warm_up()
    (tmp_path / golden.FILE).unlink()
    OrtEngine(tmp_path, threads=1, provider="cpu", self_test=True).warm_up()  # the CPU is its own yardstick

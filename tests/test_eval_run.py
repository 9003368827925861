"""From data on disk to a report; the command line with a real model, if an untrained one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

import readers_helpers as made
from eval_helpers import ColourEngine
from splitmask.errors import DataError, OutputError
from splitmask.eval.clicks import ClickOptions
from splitmask.eval.run import EvalOptions, choose, run_eval
from splitmask.train.readers import Problems, open_data, split

SMALL = ClickOptions(clicks=3, box_clicks=1, min_area=20)


def options(**changes: object) -> EvalOptions:
    return EvalOptions(**{"part": "all", "clicks": SMALL, **changes})  # type: ignore[arg-type]


def test_stills_and_clips_of_several_paths(tmp_path: Path) -> None:
    made.coco(tmp_path / "coco")
    made.davis(tmp_path / "davis")
    steps: list[tuple[str, int, int]] = []
    report, _ = run_eval(
        ColourEngine(),
        [tmp_path / "coco", tmp_path / "davis"],
        options(),
        Problems(),
        lambda what, done, total: steps.append((what, done, total)),
    )
    assert {case.kind for case in report.clicks} == {"coco", "davis"}
    assert len([case for case in report.clicks if case.kind == "coco"]) == 4  # two of three have objects
    assert {(case.name, case.prompt) for case in report.video} == {
        (clip, prompt)
        for clip in ("davis_bear", "davis_train")
        for prompt in ("mask", "click", "3clicks", "box")
    }
    rows = {row.group: row for row in report.click_rows}
    assert rows["coco"].ious[0] > 0.5
    assert report.seconds["encode"] > 0
    assert steps[0] == ("clicks", 0, 13)
    assert steps[-1] == ("video", 1, 2)


def test_held_out_sequences_only(tmp_path: Path) -> None:
    made.davis(tmp_path)
    report, _ = run_eval(ColourEngine(), [tmp_path], options(part="held-out", what="video"), Problems())
    assert {case.name for case in report.video} == {"davis_train"}
    assert not report.clicks


def test_a_selection_depends_on_names_alone(tmp_path: Path) -> None:
    made.coco(tmp_path, count=30)
    samples = list(open_data(tmp_path).images(Problems()))
    some = [sample.name for sample in choose(samples, options(limit=5))]
    assert len(some) == 5
    assert some == [sample.name for sample in choose(reversed(samples), options(limit=5))]
    held_out = choose(samples, options(part="held-out"))
    assert held_out
    assert all(split(sample.name) == "held-out" for sample in held_out)
    assert choose(samples, options(kinds=("human",))) == []


def test_bad_data_is_skipped_and_reported(tmp_path: Path) -> None:
    made.coco(tmp_path)
    (tmp_path / "train2017" / "000000000000.jpg").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"000000000000\.jpg"):
        run_eval(ColourEngine(), [tmp_path], options(), Problems("raise"))
    report, _ = run_eval(ColourEngine(), [tmp_path], options(), Problems("skip"))
    assert len(report.clicks) == 2
    assert len(report.skipped) == 1
    assert "000000000000.jpg is not a picture" in report.skipped[0]


def test_a_broken_clip_is_skipped_and_reported(tmp_path: Path) -> None:
    made.davis(tmp_path)
    made.write_indexed(tmp_path / "Annotations" / "480p" / "bear" / "00002.png", made.labels()[:20])
    report, _ = run_eval(ColourEngine(), [tmp_path], options(what="video"), Problems("skip"))
    assert {case.name for case in report.video} == {"davis_train"}
    assert "bear, frame 2: label map 0 is 60×20 pixels" in report.skipped[0]


def test_nothing_to_evaluate(tmp_path: Path) -> None:
    made.davis(tmp_path, ["bear"])
    with pytest.raises(DataError, match=r"no labelled object .* choose another part, e\.g\. --split all"):
        run_eval(ColourEngine(), [tmp_path], options(part="held-out"), Problems())
    (tmp_path / "JPEGImages" / "480p" / "bear" / "00000.jpg").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"nothing in .* could be evaluated; first of 1 problems: .*00000\.jpg"
    ):
        run_eval(ColourEngine(), [tmp_path], options(what="video"), Problems("skip"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, a few thousand parameters."""
    import torch

    from splitmask.model import Sam2
    from splitmask.model.weights import save_model
    from splitmask.presets import TEST_CONV

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "test-conv.safetensors"
    save_model(Sam2(TEST_CONV), path)
    return path


def command(*arguments: object) -> None:
    from splitmask.cli import eval as eval_cli

    app = typer.Typer()
    app.callback()(lambda: None)
    eval_cli.register(app)
    app(["eval", *map(str, arguments)], standalone_mode=False)


def test_the_command(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.coco(tmp_path / "coco")
    made.davis(tmp_path / "davis", frames=4)
    out = tmp_path / "out"
    arguments = (
        *(tmp_path / "coco", tmp_path / "davis" / "ImageSets" / "2017" / "val.txt"),
        *("--split", "all", "--model", model, "--engine", "torch", "--threads", 1),
        *("--clicks", 3, "--min-area", 20, "--prompt", "mask,click", "-o", out),
    )
    command(*arguments)
    shown = capsys.readouterr().out
    assert "IoU after … clicks" in shown
    assert "Video: J&F by clip" in shown
    assert "davis_train" in shown
    names = {"eval.json", "eval.md", "worst-clicks.png", "worst-video.png"}
    assert {path.name for path in out.iterdir()} == names
    content = json.loads((out / "eval.json").read_text())
    assert (
        len(content["weightsSha256"] if "weightsSha256" in content else content["model"]["weightsSha256"])
        == 64
    )
    assert {case["prompt"] for case in content["videoCases"]} == {"mask", "click"}
    with pytest.raises(OutputError, match=r"already holds eval\.json"):
        command(*arguments)
    command(*arguments, "--overwrite", "--what", "clicks")
    assert {path.name for path in out.iterdir()} == names - {"worst-video.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--what", "sound"), "--what sound: choose of clicks, video, presence, all"),
        (("--split", "test"), "--split test: choose of held-out, train, all"),
        (("--prompt", "mask,word"), "--prompt word: choose of mask, click, 3clicks, box"),
        (("--on-error", "cry"), "--on-error cry: choose of skip, raise"),
    ],
)
def test_the_command_names_what_is_wrong(tmp_path: Path, arguments: tuple[str, str], message: str) -> None:
    made.coco(tmp_path / "coco")
    with pytest.raises(DataError) as caught:
        command(tmp_path / "coco", *arguments, "-o", tmp_path / "out")
    assert str(caught.value) == message


def test_the_command_refuses_an_unknown_layout_before_it_loads_a_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no layout that is known"):
        command(tmp_path, "--model", tmp_path / "no-such-model.pt")

"""How the house is kept: who may import whom, what stays light, what the documents promise."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import splitmask
from cli_helpers import photo
from media_helpers import write_numbered
from splitmask.cli.app import app

SOURCE = Path(splitmask.__file__).parent
ROOT = SOURCE.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

# Data order: a room may import those before it, never those after.
ROOMS = [
    *("errors", "types", "presets", "files", "jsonfield", "masks", "result"),
    *("hub", "media", "model", "engine", "session", "bundle", "effects", "export"),
    *("onnx", "train", "eval", "jobs", "demo", "compat", "bench", "studio", "cli", "__main__"),
]
MAY_IMPORT_TORCH = ("model/", "engine/torch", "onnx/", "train/", "compat/", "bench/against_sam")
LONGEST_FILE = 400  # lines


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_imports_against_the_order(room: str) -> None:
    before = {*ROOMS[: ROOMS.index(room) + 1], "__version__"}
    files = [file for file in modules() if room_of(file) == room]
    assert files, f"there is no room {room}: take it off the list"
    wrong = [
        f"{file.relative_to(SOURCE)} imports {name}"
        for file in files
        for name in imports(file)
        if name.startswith("splitmask.") and name.split(".")[1] not in before
    ]
    assert wrong == []


def test_every_room_has_its_place() -> None:
    assert {room_of(file) for file in modules()} - {"__init__"} == set(ROOMS)


def test_torch_is_imported_where_it_may_be() -> None:
    wrong = {
        str(file.relative_to(SOURCE))
        for file in modules()
        for name in imports(file)
        if name.split(".")[0] in ("torch", "safetensors")
        and not str(file.relative_to(SOURCE)).startswith(MAY_IMPORT_TORCH)
    }
    assert wrong <= {"engine/__init__.py"}, "there it is imported once a checkpoint is asked for"


def test_everything_else_works_where_torch_is_not_installed() -> None:
    names = [
        ".".join(("splitmask", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for file in modules()
        if not str(file.relative_to(SOURCE)).startswith(MAY_IMPORT_TORCH)
    ]
    code = (
        "import sys, importlib\n"
        "for name in ('torch', 'torchvision', 'safetensors', 'onnx', 'scipy'): sys.modules[name] = None\n"
        f"for name in {names}: importlib.import_module(name)"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_importing_splitmask_loads_nothing_heavy() -> None:
    heavy = ("numpy", "av", "PIL", "onnxruntime", "torch", "typer", "rich")
    code = f"import sys, splitmask; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_files_can_be_read_in_one_go() -> None:
    long = {str(f.relative_to(ROOT)): len(f.read_text("utf-8").splitlines()) for f in modules()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_the_page_about_the_command_line_has_not_drifted() -> None:
    script = ROOT / "scripts" / "cli_docs.py"
    run = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def blocks(language: str, *documents: Path) -> Iterator[str]:
    for document in documents:
        yield from re.findall(rf"```{language}\n(.*?)```", document.read_text("utf-8"), re.DOTALL)


def commands() -> list[str]:
    pages = [*DOCUMENTS, ROOT / "docs" / "cli.md"]
    shell = "\n".join(blocks("sh", *pages))
    inline = re.findall(r"`(splitmask [^`]+)`", "\n".join(page.read_text("utf-8") for page in DOCUMENTS))
    lines = [line for line in shell.splitlines() if line.startswith("splitmask ")]
    return sorted({*lines, *inline})


@pytest.mark.parametrize("line", commands())
def test_commands_that_the_documents_show_can_be_typed(line: str) -> None:
    command = typer.main.get_command(app)
    words = [word for word in shlex.split(line, comments=True)[1:] if word not in ("PATH", "DIR")]
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        command = command.commands[words.pop(0)]
    known = {"--help", *(name for p in command.params for name in (*p.opts, *p.secondary_opts))}
    assert {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known


def test_make_targets_that_the_documents_name_are_there() -> None:
    text = "\n".join(document.read_text("utf-8") for document in DOCUMENTS)
    named = set(
        re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(re.findall(r"`make [a-z-]+`|^make .*", text, re.M)))
    )
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert {"demo", "test"} <= named <= targets


def test_links_lead_somewhere() -> None:
    wrong = [
        f"{document.name}: {target}"
        for document in [*DOCUMENTS, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert wrong == []


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo(tmp_path / "photo.png", 640, 480).rename(tmp_path / "photo.jpg")
    write_numbered(tmp_path / "video.mp4", 2, rate=25)
    (code,) = blocks("python", ROOT / "README.md")
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("[[640, 360]]", "[[64, 36]]"), "README.md", "exec"), {})
    assert capsys.readouterr().out.count("\n") == 3

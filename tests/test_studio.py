"""The studio's server: what it answers, with a real socket where the command line is meant."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli_helpers import SCRIPT
from cli_helpers import splitmask as run
from splitmask.errors import ServeError
from splitmask.studio import build_app, find_site
from splitmask.studio.app import model_id
from splitmask.studio.site import CHECKOUT, PACKAGED

PAGE = b"<!doctype html><title>studio</title>"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "assets" / "main-Dx3k9Qa1.js").write_bytes(b"export {};")
    (folder / "runtime.wasm").write_bytes(bytes(range(256)) * 4)
    return folder


@pytest.fixture
def client(site: Path) -> TestClient:
    return TestClient(build_app(site))


def test_the_page_is_isolated_wherever_it_goes_wrong(client: TestClient) -> None:
    for path, status in (("/", 200), ("/nothing.js", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert client.get("/").content == PAGE


def test_kinds_of_files_that_browsers_are_strict_about(client: TestClient) -> None:
    assert client.get("/runtime.wasm").headers["content-type"] == "application/wasm"
    assert "javascript" in client.get("/assets/main-Dx3k9Qa1.js").headers["content-type"]


def test_a_download_that_was_cut_goes_on(client: TestClient) -> None:
    rest = client.get("/runtime.wasm", headers={"range": "bytes=1000-"})
    assert (rest.status_code, rest.content) == (206, bytes(range(256))[1000 % 256 :])
    assert rest.headers["content-range"] == "bytes 1000-1023/1024"
    assert client.get("/runtime.wasm", headers={"range": "bytes=9999-"}).status_code == 416


def test_only_names_with_a_hash_are_kept_without_asking(client: TestClient) -> None:
    assert "immutable" in client.get("/assets/main-Dx3k9Qa1.js").headers["cache-control"]
    first = client.get("/runtime.wasm")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/runtime.wasm", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_beside_the_site_is_handed_out(client: TestClient, site: Path) -> None:
    (site.parent / "secret.txt").write_text("secret")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
        assert client.get(path).status_code == 404


def test_models_of_ones_own(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "graphs.json").write_text('{"preset": "sam2.1-small"}')
    client = TestClient(build_app(site, {model_id(folder): folder}))
    assert client.get("/models/sam2.1-small/graphs.json").json() == {"preset": "sam2.1-small"}


def test_a_folder_without_a_model(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"no graphs\.json in it; `splitmask export-onnx`"):
        build_app(site, {"x": tmp_path})
    (tmp_path / "graphs.json").write_text("[]")
    with pytest.raises(ServeError, match="cannot be read"):
        model_id(tmp_path)


def test_a_studio_that_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"no index\.html"):
        find_site(tmp_path)


def test_without_a_build_the_command_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    if any((place / "index.html").is_file() for place in (PACKAGED, CHECKOUT)):
        pytest.skip("the studio is built here")
    assert run(capsys, "studio", "--no-open").error.startswith(
        "the studio is not built here: run `make site`"
    )


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address it says."""
    command = [sys.executable, "-c", SCRIPT, "studio", "--no-open", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found is not None, (said, process.poll())
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_the_command_serves_and_ends_quietly(site: Path) -> None:
    with served("--site", str(site), "--port", "0") as (process, page):
        with urllib.request.urlopen(page, timeout=20) as answer:
            assert answer.read() == PAGE
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert "Traceback" not in errors


def test_a_taken_port_gives_the_next(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with served("--site", str(site), "--port", str(port)) as (_, page):
            assert int(page.rstrip("/").rsplit(":", 1)[1]) > port


def test_a_host_that_is_not_ours(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, "studio", "--no-open", "--site", site, "--host", "203.0.113.7")
    assert "--host 203.0.113.7 --port 4280: " in outcome.error

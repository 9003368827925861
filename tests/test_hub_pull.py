"""`pull`: names, hosts, the cache that is shared, several processes. Real servers and processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitmask.hub.hosts
from cli_helpers import files, small_model, started
from faulty_server import COMMIT, Fault, FaultyServer, running, until
from splitmask import hub
from splitmask.engine import load
from splitmask.errors import ModelError
from splitmask.hub.settings import Settings, from_environment
from splitmask.presets import PRESETS

DATA = np.random.default_rng(1).bytes(400_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
REPO, FILE = "facebook/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt"
FOLDER = "models--facebook--sam2.1-hiera-tiny"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A hub of our own with two models, and an empty cache."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("SPLITMASK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with running() as it:
        monkeypatch.setenv("HF_ENDPOINT", it.url)
        it.hub("acme/mine", {"README.md": b"# mine", "mine.pt": DATA})
        yield it


@pytest.fixture
def official(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
    """The official tiny model, with other bytes than the real ones."""
    known = replace(PRESETS["sam2.1-tiny"], sha256=SHA256, size=len(DATA))
    monkeypatch.setitem(PRESETS, "sam2.1-tiny", known)
    monkeypatch.setattr(splitmask.hub.hosts, "META", f"{server.url}/meta")
    server.hub(REPO, {"config.json": b"{}", FILE: DATA})
    return server


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bytes: dict[str, int] = {}

    def progress(self, file: str, done: int, total: int | None) -> None:
        self.bytes[file] = done

    def note(self, text: str) -> None:
        self.notes.append(text)


def quick() -> Settings:
    return replace(from_environment(), backoff=0.001, retries=2, timeout=1.0)


def error_of(name: str, **options: Any) -> str:
    with pytest.raises(ModelError) as error:
        hub.pull(name, settings=quick(), **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_official_model_is_pulled_once(official: FaultyServer, tmp_path: Path) -> None:
    watcher = Notes()
    assert hub.locate("sam2.1-tiny") is None
    path = hub.pull("sam2.1-tiny", watcher=watcher)
    assert path == tmp_path / "hf" / "hub" / FOLDER / "snapshots" / COMMIT / FILE
    assert path.read_bytes() == DATA
    assert watcher.bytes == {FILE: len(DATA)}
    assert hub.locate("sam2.1-tiny") == hub.locate(REPO) == hub.resolve("sam2.1-tiny") == path
    asked = len(official.seen)
    assert hub.pull("sam2.1-tiny") == hub.pull(REPO) == path
    assert len(official.seen) == asked
    assert [checked.right for checked in hub.verify("sam2.1-tiny")] == [True]


def test_the_files_are_where_the_hub_s_own_client_has_them(official: FaultyServer, tmp_path: Path) -> None:
    hub.pull("sam2.1-tiny")
    cache = tmp_path / "hf" / "hub"
    names = [f"{FOLDER}/blobs/{SHA256}", f"{FOLDER}/refs/main", f"{FOLDER}/snapshots/{COMMIT}/{FILE}"]
    assert [name for name in files(cache) if not name.startswith(".locks/")] == names
    assert (cache / FOLDER / "refs" / "main").read_text() == COMMIT
    link = cache / names[2]
    assert link.is_symlink()
    assert link.readlink() == Path(f"../../blobs/{SHA256}")


THEIRS = """
import sys, warnings
warnings.simplefilter("ignore")
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache
repo, file, offline = sys.argv[1:]
print(hf_hub_download(repo, file, local_files_only=offline == "yes"))
print(try_to_load_from_cache(repo, file))
print([str(warning) for warning in scan_cache_dir().warnings])
"""


def theirs(server: FaultyServer, offline: bool) -> list[str]:
    """What the hub's own client says, in a process of its own: it reads the environment once."""
    environment = os.environ | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    words = [sys.executable, "-c", THEIRS, REPO, FILE, "yes" if offline else "no"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("origin", ["hub", "meta"])
def test_other_tools_find_what_is_pulled(official: FaultyServer, origin: str) -> None:
    official.files[f"/meta/092824/{FILE}"] = DATA
    path = hub.pull("sam2.1-tiny", origin=origin)
    assert theirs(official, offline=True) == [str(path), str(path), "[]"]
    asked = len(official.bodies())
    theirs(official, offline=False)
    assert len(official.bodies()) == asked, "the bytes are known by their hash"


def test_what_other_tools_pulled_is_found(official: FaultyServer) -> None:
    path = theirs(official, offline=False)[0]
    assert hub.locate("sam2.1-tiny") == Path(path)
    asked = len(official.seen)
    assert hub.pull("sam2.1-tiny") == Path(path)
    assert len(official.seen) == asked
    (about,) = [each for each in hub.entries() if each.name == "sam2.1-tiny"]
    assert (about.path, about.bytes) == (path, len(DATA))


def test_meta_s_host_is_asked_where_the_hub_fails(official: FaultyServer) -> None:
    official.files[f"/meta/092824/{FILE}"] = DATA
    official.answers[f"/{REPO}/resolve/main/{FILE}"] = (503, {}, b"")
    watcher = Notes()
    path = hub.pull("sam2.1-tiny", settings=quick(), watcher=watcher)
    assert path.read_bytes() == DATA
    assert any("503" in note and "trying the next host" in note for note in watcher.notes)
    assert path.parent.name == SHA256[:40], "Meta's host knows of no commits"


def test_one_host_goes_on_where_another_stopped(official: FaultyServer) -> None:
    official.files[f"/meta/092824/{FILE}"] = DATA
    official.faults = [Fault(cut=250_000), Fault(status=404)]
    path = hub.pull("sam2.1-tiny", settings=quick())
    assert path.read_bytes() == DATA
    assert [(seen.path.split("/")[1], seen.start) for seen in official.bodies()] == [
        ("cdn", None),
        ("cdn", 250_000),
        ("meta", 250_000),
    ]


def test_a_base_url_is_any_folder_with_the_file(official: FaultyServer) -> None:
    official.files[f"/some/where/{FILE}"] = DATA
    assert hub.pull("sam2.1-tiny", base_url=f"{official.url}/some/where/").read_bytes() == DATA
    assert {seen.path for seen in official.seen} == {f"/some/where/{FILE}"}
    assert "for official models" in error_of("acme/mine", base_url=official.url)
    assert "https://" in error_of("sam2.1-small", base_url="ftp://x")


def test_a_mirror_answers_instead_of_the_hub(official: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert hub.pull("sam2.1-tiny", mirror=official.url + "/").read_bytes() == DATA


def test_wrong_bytes_from_everyone_are_said_and_removed(official: FaultyServer, tmp_path: Path) -> None:
    official.files[f"/meta/092824/{FILE}"] = DATA
    official.always = Fault(flip=3)
    said = error_of("sam2.1-tiny")
    wrong = hashlib.sha256(DATA[:3] + bytes([DATA[3] ^ 1]) + DATA[4:]).hexdigest()
    assert SHA256 in said
    assert wrong in said
    assert "removed" in said
    assert "models import" in said
    assert [name for name in files(tmp_path / "hf") if ".locks" not in name] == []


def test_a_hub_with_another_file_is_refused_before_it_is_fetched(official: FaultyServer) -> None:
    official.hub(REPO, {FILE: DATA[::-1]})
    said = error_of("sam2.1-tiny", origin="hub")
    assert SHA256 in said
    assert hashlib.sha256(DATA[::-1]).hexdigest() in said
    assert official.bodies() == []


def test_hosts_that_say_the_same_are_named_together(
    official: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(splitmask.hub.hosts, "META", "http://127.0.0.1:2")
    said = error_of("sam2.1-tiny")
    assert said.count("refuses connections") == 1
    assert "127.0.0.1:1 and 127.0.0.1:2 refuses" in said
    assert "--mirror" in said


def test_a_repository_with_one_checkpoint(server: FaultyServer, tmp_path: Path) -> None:
    path = hub.pull("acme/mine")
    assert path.read_bytes() == DATA
    assert hub.locate("acme/mine") == path
    (about,) = [each for each in hub.entries() if each.name == "acme/mine"]
    assert (about.kind, about.sha256, about.bytes) == ("repository", SHA256, len(DATA))
    assert (about.licence, about.repository) == ("mit", "acme/mine")
    assert [checked.right for checked in hub.verify("acme/mine")] == [True]
    assert hub.remove("acme/mine") == len(DATA)
    assert hub.locate("acme/mine") is None
    assert [name for name in files(tmp_path) if ".locks" not in name] == []


def test_a_repository_with_graphs_runs(server: FaultyServer) -> None:
    model = {path.name: path.read_bytes() for path in Path(small_model()).iterdir()}
    with running() as cdn:
        server.hub("acme/graphs", model, elsewhere=cdn)
        folder = hub.pull("acme/graphs")
        assert sorted(path.name for path in folder.iterdir()) == [
            "graphs.json", "image_encoder.onnx", "mask_decoder.onnx",
            "memory_attention.onnx", "memory_encoder.onnx",
        ]  # fmt: skip
        assert load("acme/graphs").description
        assert [checked.right for checked in hub.verify("acme/graphs")] == [True] * 4
    (about,) = [each for each in hub.entries() if each.name == "acme/graphs"]
    assert (about.form, about.preset, about.image_size) == ("graphs", "test-conv", 64)
    hub.remove("acme/graphs")
    assert hub.locate("acme/graphs") is None


def test_graphs_that_are_not_what_graphs_json_says(server: FaultyServer) -> None:
    model = {path.name: path.read_bytes() for path in Path(small_model()).iterdir()}
    model["mask_decoder.onnx"] = model["mask_decoder.onnx"][:-1] + b"!"
    server.hub("acme/graphs", model)
    assert "mask_decoder.onnx" in error_of("acme/graphs")
    assert hub.locate("acme/graphs") is None, "half a model is none"


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ({"a.pt": DATA, "b.pt": DATA}, "found a.pt, b.pt"),
        ({"README.md": b"x"}, "found none"),
        ({"graphs.json": b'{"format": "another"}'}, "damaged or of another program"),
        ({"graphs.json": b"\xff"}, "damaged or of another program"),
    ],
)
def test_a_repository_that_is_no_model(server: FaultyServer, listing: dict[str, bytes], said: str) -> None:
    server.hub("acme/other", listing)
    assert said in error_of("acme/other")


def test_a_host_cannot_name_folders(server: FaultyServer, tmp_path: Path) -> None:
    status, headers, body = server.answers["/acme/mine/resolve/main/mine.pt"]
    evil = headers | {"X-Repo-Commit": "../../../../escaped"}
    server.answers["/acme/mine/resolve/main/mine.pt"] = (status, evil, body)
    path = hub.pull("acme/mine")
    assert path.parent.name == SHA256[:40]
    assert not list(tmp_path.rglob("escaped"))
    server.hub("acme/evil", {"../up.pt": DATA, "..\\up.pt": DATA, "sub/x.pt": DATA})
    assert "found none" in error_of("acme/evil")


def test_a_listing_that_makes_no_sense(server: FaultyServer) -> None:
    for body in (b"<html>", b"[]", b'{"siblings": [1]}'):
        server.answers["/api/models/acme/odd"] = (200, {}, body)
        assert "no list of the files" in error_of("acme/odd")
    assert "has no gone (404)" in error_of("acme/gone")


def test_a_hub_that_is_busy_is_asked_again(server: FaultyServer) -> None:
    server.busy = {"/api/models/acme/mine": 2, "/acme/mine/resolve/main/mine.pt": 2}
    assert hub.pull("acme/mine", settings=quick()).read_bytes() == DATA
    assert set(server.busy.values()) == {0}


def test_a_failed_pull_leaves_no_empty_folders(server: FaultyServer, tmp_path: Path) -> None:
    server.always = Fault(status=404)
    error_of("acme/mine")
    assert [path.name for path in (tmp_path / "hf" / "hub").iterdir()] == [".locks"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sam2.1-tinny", "did you mean sam2.1-tiny?"),
        ("sam2.1_hiera_large", "did you mean sam2.1-large?"),
        ("SAM2.1-Small", "did you mean sam2.1-small?"),
        ("zebra", "choose one of nano, sam2.1-tiny"),
        ("a/b/c", "there is no model a/b/c"),
        ("../../etc", "there is no model"),
        ("/etc/passwd.pt", "there is no model file"),
        ("test-conv", "unknown model"),
        ("", "unknown model"),
    ],
)
def test_unknown_names(server: FaultyServer, name: str, said: str) -> None:
    assert said in error_of(name)
    assert server.seen == []


def test_nothing_is_fetched_unasked(official: FaultyServer) -> None:
    with pytest.raises(ModelError, match=r"splitmask models pull sam2\.1-tiny"):
        load("sam2.1-tiny")
    with pytest.raises(ModelError, match="splitmask models pull acme/mine"):
        load("acme/mine")
    assert official.seen == []
    with pytest.raises(ModelError, match=r"damaged|no checkpoint|holds code"):  # it was fetched: noise, here
        load("sam2.1-tiny", pull=True)


@pytest.mark.parametrize("variable", ["SPLITMASK_OFFLINE", "HF_HUB_OFFLINE", "--offline"])
def test_offline_means_no_request(
    official: FaultyServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable != "--offline":
        monkeypatch.setenv(variable, "1")
    for name in ("sam2.1-tiny", "acme/mine"):
        said = error_of(name, offline=variable == "--offline")
        assert variable in said
        assert "models import" in said
    assert official.seen == []
    monkeypatch.delenv(variable, raising=False)
    path = hub.pull("sam2.1-tiny")
    assert hub.pull("sam2.1-tiny", offline=True) == path


def test_the_token_goes_to_the_hub_alone(official: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", " hf_secret ")
    with running() as cdn:
        official.hub(REPO, {FILE: DATA}, elsewhere=cdn)
        hub.pull("sam2.1-tiny")
        assert {seen.headers.get("authorization") for seen in official.seen} == {"Bearer hf_secret"}
        assert [seen.headers.get("authorization") for seen in cdn.seen] == [None]
    official.seen.clear()
    hub.remove("sam2.1-tiny")
    official.files[f"/meta/092824/{FILE}"] = DATA
    hub.pull("sam2.1-tiny", origin="meta")
    assert [seen.headers.get("authorization") for seen in official.seen] == [None]
    assert "hf_secret" not in repr(from_environment())


def test_the_token_may_be_in_a_file(official: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_filed\n")
    hub.pull("sam2.1-tiny")
    assert official.seen[0].headers["authorization"] == "Bearer hf_filed"


def test_proxies_are_used_and_passed_by(official: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://models.invalid")
    monkeypatch.setenv("HTTP_PROXY", official.url)
    hub.pull("sam2.1-tiny", origin="hub")
    assert official.seen[0].headers["asked"] == f"http://models.invalid/{REPO}/resolve/main/{FILE}"
    hub.remove("sam2.1-tiny")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_ENDPOINT", official.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert hub.pull("sam2.1-tiny", origin="hub").read_bytes() == DATA


def test_a_proxy_that_refuses_is_named(official: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://models.invalid")
    monkeypatch.setenv("HTTPS_PROXY", official.url)
    assert "through the proxy" in error_of("sam2.1-tiny", origin="hub")
    assert [(seen.method, seen.path) for seen in official.seen] == [("CONNECT", "models.invalid:443")]


@pytest.mark.parametrize(
    ("variable", "value"), [("HF_ENDPOINT", "huggingface.co"), ("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]
)
def test_variables_that_make_no_sense(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ModelError, match=f"{variable} should .*{value}"):
        hub.pull("acme/mine")


def test_a_damaged_file_is_seen_and_mended(official: FaultyServer) -> None:
    path = hub.pull("sam2.1-tiny")
    blob = path.resolve()
    blob.write_bytes(DATA[:-1] + b"?")
    (checked,) = hub.verify("sam2.1-tiny")
    assert not checked.right
    assert str(checked.expected) == f"sha256 {SHA256}"
    blob.write_bytes(DATA[:1000])  # what another tool's crash may leave
    assert hub.pull("sam2.1-tiny").read_bytes() == DATA
    path.unlink()
    blob.write_bytes(DATA[:-1] + b"?")  # a blob without a name, and wrong
    assert hub.pull("sam2.1-tiny").read_bytes() == DATA


def test_removing_leaves_what_others_fetched(official: FaultyServer) -> None:
    path = hub.pull("sam2.1-tiny")
    (path.parent / "config.json").write_text("{}")
    assert hub.remove("sam2.1-tiny") == len(DATA)
    assert not path.exists()
    assert (path.parent / "config.json").is_file()
    with pytest.raises(ModelError, match="nothing to remove"):
        hub.remove("sam2.1-tiny")
    with pytest.raises(ModelError, match="comes with splitmask"):
        hub.remove("nano")


def test_a_file_of_two_snapshots_is_kept_for_the_other(official: FaultyServer) -> None:
    path = hub.pull("sam2.1-tiny")
    other = path.parent.with_name("f" * 40) / "renamed.pt"
    other.parent.mkdir()
    other.symlink_to(path.readlink())
    hub.remove("sam2.1-tiny")
    assert other.read_bytes() == DATA


def test_where_there_are_no_links_the_file_itself_is_there(
    official: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refused)
    path = hub.pull("sam2.1-tiny")
    assert not path.is_symlink()
    assert path.read_bytes() == DATA
    assert hub.pull("sam2.1-tiny") == path
    assert [checked.right for checked in hub.verify("sam2.1-tiny")] == [True]
    assert hub.remove("sam2.1-tiny") == len(DATA)
    assert hub.locate("sam2.1-tiny") is None


def test_a_cache_that_cannot_be_written(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("in the way")
    assert "HF_HUB_CACHE" in error_of("acme/mine")


# several processes


def test_two_processes_fetch_once(server: FaultyServer) -> None:
    server.always = Fault(rate=400_000)
    both = [started("models", "pull", "acme/mine") for _ in range(2)]
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert len(server.bodies()) == 1
    assert len({out.strip().split(": ")[-1] for out, _ in results}) == 1
    assert sum("waiting for it" in err for _, err in results) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_is_stopped_goes_on(server: FaultyServer, tmp_path: Path, how: signal.Signals) -> None:
    server.always = Fault(rate=200_000)
    process = started("models", "pull", "acme/mine")
    part = tmp_path / "hf" / "hub" / "models--acme--mine" / "blobs" / f"{SHA256}.incomplete"
    until(lambda: part.exists() and part.stat().st_size > 20_000, 30)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[how]
    assert "Traceback" not in err
    assert ("goes on from here" in err) == (how == signal.SIGINT)
    assert hub.locate("acme/mine") is None
    kept = part.stat().st_size
    assert part.read_bytes() == DATA[:kept]
    server.always = Fault()
    server.seen.clear()
    assert hub.pull("acme/mine").read_bytes() == DATA
    assert [seen.start for seen in server.bodies()] == [kept]
    assert not part.exists()


def test_a_full_disk_stops_a_pull_in_one_line(server: FaultyServer, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from splitmask.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY)); "
        "sys.exit(main(['models', 'pull', 'acme/mine']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr.splitlines()[-1]
    assert "pull it again to go on" in done.stderr
    assert hub.locate("acme/mine") is None
    assert hub.pull("acme/mine").read_bytes() == DATA
    assert [seen.start for seen in server.bodies()] == [None, 150_000]


def test_a_stopped_pull_shows_in_the_list(official: FaultyServer) -> None:
    official.always = Fault(cut=1000)
    error_of("sam2.1-tiny", origin="hub")
    (about,) = [each for each in hub.entries() if each.name == "sam2.1-tiny"]
    assert about.path is None
    assert about.partial_bytes == 3000
    assert hub.remove("sam2.1-tiny") == 3000
    error_of("acme/mine")
    assert hub.remove("acme/mine") == 3000
    with pytest.raises(ModelError, match="nothing to remove"):
        hub.remove("acme/mine")


def test_json_of_the_list_is_plain(official: FaultyServer) -> None:
    from dataclasses import asdict

    hub.pull("sam2.1-tiny")
    rows = json.loads(json.dumps([asdict(each) for each in hub.entries()]))
    assert rows[0]["name"] == "nano"

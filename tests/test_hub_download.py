"""Downloads from a server that does everything wrong: the right bytes arrive, or a line says why not."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faulty_server import Fault, FaultyServer, running
from splitmask.errors import ModelError
from splitmask.hub.digests import Digest
from splitmask.hub.download import Offer, download
from splitmask.hub.http import HostError, TemporaryError, requested
from splitmask.hub.settings import Settings

DATA = np.random.default_rng(0).bytes(700_001)
SHA256 = hashlib.sha256(DATA).hexdigest()
QUICK = Settings(Path("unused"), Path("unused"), timeout=0.4, retries=3, backoff=0.001)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with running() as it:
        it.files["/model.pt"] = DATA
        yield it


def offer(server: FaultyServer, known: bool = True) -> Offer:
    size, digest = (len(DATA), Digest(SHA256)) if known else (None, None)
    return Offer(f"{server.url}/model.pt", "model.pt", size, digest)


def fetched(server: FaultyServer, part: Path, settings: Settings = QUICK, known: bool = True) -> str:
    return download(offer(server, known), part, settings, lambda done, total: None)


@pytest.mark.parametrize("known", [True, False])
def test_a_good_host_is_asked_once(server: FaultyServer, tmp_path: Path, known: bool) -> None:
    steps: list[tuple[int, int | None]] = []
    given = offer(server, known)
    assert download(given, tmp_path / "part", QUICK, lambda *step: steps.append(step)) == SHA256
    assert (tmp_path / "part").read_bytes() == DATA
    assert len(server.seen) == 1
    assert steps[0] == (0, len(DATA))
    assert steps[-1] == (len(DATA), len(DATA))
    assert steps == sorted(steps)


MENDED = {
    "cut": [Fault(cut=200_000), Fault(cut=300_000)],
    "cut at once": [Fault(cut=0), Fault(cut=0), Fault(cut=0)],
    "stalls": [Fault(stall=300_000)],
    "ignores ranges": [Fault(cut=200_000), Fault(no_range=True)],
    "answers another range": [Fault(cut=200_000), Fault(shift=-7)],
    "is cut again and again": [Fault(cut=70_000)] * 9,
    "tells too little": [Fault(length=-500_000), Fault(length=-1000)],
    "tells too much": [Fault(length=1000)],
    "tells nothing": [Fault(chunked=True, cut=200_000), Fault(chunked=True)],
    "is busy": [Fault(status=429), Fault(status=500), Fault(status=503)],
    "asks to wait": [Fault(status=429, headers={"Retry-After": "0.2"})],
    "forgets the rest": [Fault(cut=200_000), Fault(status=416)],
    "talks nonsense": [Fault(raw=b"\x00\xff\n\n"), Fault(raw=b"")],
}


@pytest.mark.parametrize("case", MENDED)
def test_what_a_host_does_wrong_is_mended(server: FaultyServer, tmp_path: Path, case: str) -> None:
    server.faults = list(MENDED[case])
    assert fetched(server, tmp_path / "part") == SHA256
    assert (tmp_path / "part").read_bytes() == DATA
    assert server.faults == []


def test_it_goes_on_where_it_stopped(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [Fault(cut=200_000), Fault(cut=300_000)]
    fetched(server, tmp_path / "part")
    assert [seen.start for seen in server.seen] == [None, 200_000, 500_000]
    server.seen.clear()
    (tmp_path / "part").write_bytes(DATA[:650_000])  # of an earlier process
    assert fetched(server, tmp_path / "part") == SHA256
    assert [seen.start for seen in server.seen] == [650_000]


@pytest.mark.parametrize("known", [True, False])
def test_what_is_whole_already_is_not_fetched(server: FaultyServer, tmp_path: Path, known: bool) -> None:
    (tmp_path / "part").write_bytes(DATA)
    assert fetched(server, tmp_path / "part", known=known) == SHA256
    assert [seen.start for seen in server.seen] == ([] if known else [len(DATA)])


@pytest.mark.parametrize(
    "left", [b"x" * 1000, b"x" * 700_001, b"x" * 800_000, DATA[:5] + b"x" + DATA[6:9000]]
)
def test_a_part_that_is_wrong_is_fetched_anew(server: FaultyServer, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "part").write_bytes(left)
    assert fetched(server, tmp_path / "part") == SHA256
    assert (tmp_path / "part").read_bytes() == DATA


def test_wrong_bytes_are_removed_and_both_hashes_said(server: FaultyServer, tmp_path: Path) -> None:
    server.always = Fault(flip=400_000)
    wrong = bytearray(DATA)
    wrong[400_000] ^= 1
    with pytest.raises(HostError) as error:
        fetched(server, tmp_path / "part")
    assert SHA256 in str(error.value)
    assert hashlib.sha256(wrong).hexdigest() in str(error.value)
    assert "removed" in str(error.value)
    assert list(tmp_path.iterdir()) == []


HOPELESS = {
    "times in a row": Fault(cut=10),
    "stopped answering, 4 times": Fault(stall=0),
    "more than the 700,001 bytes": Fault(extra=5),
    "500 Internal Server Error, 4 times": Fault(status=500),
    "has no model.pt (404)": Fault(status=404),
    "refuses access (403)": Fault(status=403),
    "HF_TOKEN": Fault(status=401),
    "answers 418": Fault(status=418),
    "asks to wait 3600 s": Fault(status=429, headers={"Retry-After": "3600"}),
    "asks to wait 7": Fault(status=503, headers={"Retry-After": formatdate(time.time() + 7200, usegmt=True)}),
    "web page": Fault(headers={"Content-Type": "text/html; charset=utf-8"}),
    "no proper answer": Fault(raw=b"SSH-2.0-OpenSSH\r\n"),
    "in a circle": Fault(status=302, headers={"Location": "/model.pt"}),
    "redirects from a safe address": Fault(status=302, headers={"Location": "file:///etc/passwd"}),
    "answers 304": Fault(status=304),
}


@pytest.mark.parametrize("said", HOPELESS)
def test_what_cannot_be_mended_is_said(server: FaultyServer, tmp_path: Path, said: str) -> None:
    server.always = HOPELESS[said]
    with pytest.raises(HostError) as error:
        fetched(server, tmp_path / "part")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    tries = len(server.seen)
    assert tries == (4 if server.always.cut or "4 times" in said or server.always.raw else tries)
    if server.always.status in (401, 403, 404, 418, 304):
        assert tries == 1


def test_the_wait_that_a_host_asks_for_is_kept(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [Fault(status=503, headers={"Retry-After": "0.3"})]
    began = time.monotonic()
    fetched(server, tmp_path / "part")
    assert time.monotonic() - began >= 0.3


def test_a_host_that_tells_neither_size_nor_hash_is_refused(server: FaultyServer, tmp_path: Path) -> None:
    server.always = Fault(chunked=True)
    with pytest.raises(HostError, match="neither size nor hash"):
        fetched(server, tmp_path / "part", known=False)


def test_redirects_keep_the_range_and_leave_the_token(server: FaultyServer, tmp_path: Path) -> None:
    with running() as front:
        front.answers["/here"] = (302, {"Location": "/there"}, b"")
        front.answers["/there"] = (307, {"Location": f"{server.url}/model.pt"}, b"")
        (tmp_path / "part").write_bytes(DATA[:1000])
        given = Offer(
            f"{front.url}/here", "model.pt", len(DATA), Digest(SHA256), headers={"Authorization": "Bearer x"}
        )
        assert download(given, tmp_path / "part", QUICK, lambda *_: None) == SHA256
        assert [seen.headers.get("authorization") for seen in front.seen] == ["Bearer x", "Bearer x"]
    assert [seen.headers.get("authorization") for seen in server.seen] == [None]
    assert server.seen[0].start == 1000
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("target", ["http://example.invalid/x", "ftp://example.invalid/x"])
def test_nothing_safe_is_redirected_to_what_is_not(target: str) -> None:
    from splitmask.hub.http import _check_redirect

    with pytest.raises(HostError, match="safe"):
        _check_redirect("https://example.invalid/", target)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/x", "refuses connections"),
        ("http://nobody.invalid/x", "cannot be found"),
        ("http://[bad/x", "no proper address"),
        ("https:PLAIN", "does not speak TLS"),
    ],
)
def test_a_host_that_is_not_there(server: FaultyServer, url: str, said: str) -> None:
    url = url.replace("PLAIN", server.url.removeprefix("http:") + "/model.pt")
    with pytest.raises(HostError, match=said) as error, requested(url, {}, 1.0):
        pass
    assert not isinstance(error.value, TemporaryError)


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    made = [openssl, *words.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with running(context) as server:
        server.files["/model.pt"] = DATA
        with pytest.raises(HostError, match=r"not trusted.*SSL_CERT_FILE"):
            fetched(server, tmp_path / "part")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server.faults = [Fault(cut=300_000)]
        assert fetched(server, tmp_path / "part") == SHA256


def test_a_host_that_goes_away_in_the_middle_is_waited_for(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [Fault(cut=300_000)]
    gone: list[int] = []

    def watch(done: int, _: int | None) -> None:
        if done >= 300_000 and not gone:
            gone.append(done)
            server.close()

    with pytest.raises(HostError, match="refuses connections, 4 times in a row"):
        download(offer(server), tmp_path / "part", QUICK, watch)
    assert (tmp_path / "part").read_bytes() == DATA[:300_000]


def test_too_little_room_is_said_before_anything_is_fetched(server: FaultyServer, tmp_path: Path) -> None:
    given = Offer(f"{server.url}/model.pt", "model.pt", 10**16, None)
    with pytest.raises(ModelError, match=r"model\.pt needs 10,000,000\.0 GB more, and .* free") as error:
        download(given, tmp_path / "part", QUICK, lambda *_: None)
    assert str(tmp_path) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_said(server: FaultyServer, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "part").symlink_to(full)
    with pytest.raises(ModelError, match=r"No space left.*kept") as error:
        fetched(server, tmp_path / "part")
    assert str(tmp_path) in str(error.value)


FAULTS = st.builds(
    Fault,
    status=st.sampled_from([None, None, None, 416, 429, 500, 503]),
    cut=st.none() | st.integers(0, 5000),
    flip=st.none() | st.integers(0, 5000),
    length=st.none() | st.integers(-5000, 5000),
    chunked=st.booleans(),
    no_range=st.booleans(),
    shift=st.sampled_from([0, 0, -1, 3]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=5000), left=st.binary(max_size=6000), faults=st.lists(FAULTS, max_size=6))
def test_no_wrong_bytes_ever_pass(
    server: FaultyServer, tmp_path: Path, data: bytes, left: bytes, faults: list[Fault]
) -> None:
    server.files["/any"], server.faults, server.always = data, list(faults), Fault()
    part, digest = tmp_path / "any", Digest(hashlib.sha256(data).hexdigest())
    part.write_bytes(left)
    patient = Settings(tmp_path, tmp_path, timeout=1.0, retries=9, backoff=0.0)
    given = Offer(f"{server.url}/any", "any", len(data), digest)
    with suppress(HostError):
        assert download(given, part, patient, lambda *_: None) == digest.value
        assert part.read_bytes() == data
        return
    assert any(fault.flip is not None for fault in faults), "everything else is mended"
    assert not part.exists()

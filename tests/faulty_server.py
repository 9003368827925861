"""A web server that misbehaves on demand, and speaks the Hugging Face hub's protocol. Real sockets."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Fault:
    """How one answer differs from a good one. What is None is as it should be."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes of the body after which the connection ends
    stall: int | None = None  # bytes after which nothing more comes
    flip: int | None = None  # the byte of the body that is wrong
    extra: int = 0  # bytes too many
    length: int | None = None  # added to the length that is told
    chunked: bool = False  # no length is told
    no_range: bool = False  # a range is answered with all of it
    shift: int = 0  # a range is answered with one that begins elsewhere
    raw: bytes | None = None  # sent instead of everything
    rate: float | None = None  # bytes a second


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int | None:
        """Where the range that was asked for begins."""
        found = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else None


class FaultyServer:
    """`files`: path → body. `faults` are used up by the answers to GETs of files, one each; then `always`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}  # path → fixed answers
        self.busy: dict[str, int] = {}  # path → how often it answers 503 first
        self.faults: list[Fault] = []
        self.always = Fault()
        self.seen: list[Seen] = []
        self.done = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[Seen]:
        """The requests for files' bytes, in order."""
        return [seen for seen in self.seen if seen.method == "GET" and seen.path in self.files]

    def take_fault(self) -> Fault:
        with self._lock:
            return self.faults.pop(0) if self.faults else self.always

    def hub(self, repo: str, files: dict[str, bytes], elsewhere: FaultyServer | None = None) -> None:
        """Answers for a repository. Files of more than 10 kB are kept by sha256 and redirected to.

        elsewhere: the server that keeps them.
        """
        listing = {
            "sha": COMMIT,
            "tags": ["license:mit"],
            "siblings": [{"rfilename": name} for name in files],
        }
        self.answers[f"/api/models/{repo}"] = (200, {}, json.dumps(listing).encode())
        for name, data in files.items():
            for revision in ("main", COMMIT):
                self._hub_file(f"/{repo}/resolve/{revision}/{name}", data, elsewhere or self)

    def _hub_file(self, path: str, data: bytes, keeper: FaultyServer) -> None:
        commit = {"X-Repo-Commit": COMMIT}
        if len(data) <= 10_000:
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.answers[path] = (200, commit | {"ETag": f'"{git}"'}, data)
            return
        digest = hashlib.sha256(data).hexdigest()
        keeper.files[f"/cdn/{digest}"] = data
        url = keeper.url.replace("127.0.0.1", "localhost")  # another host, as far as clients can tell
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "ETag": '"of-the-cdn"'}
        self.answers[path] = (302, commit | linked | {"Location": f"{url}/cdn/{digest}"}, b"")


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[FaultyServer]:
    server = FaultyServer(tls)
    try:
        yield server
    finally:
        server.close()


def _handler(owner: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_CONNECT(self) -> None:
            owner.seen.append(Seen("CONNECT", self.path, {}))
            self.send_error(403)

        def _answer(self) -> None:
            self.close_connection = True
            path = unquote(urlsplit(self.path).path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            owner.seen.append(Seen(self.command, path, headers | {"asked": self.path}))
            try:
                if owner.busy.get(path, 0) > 0:
                    owner.busy[path] -= 1
                    self._send(503, {"Content-Length": "0"}, b"")
                elif path in owner.answers:
                    status, extra, body = owner.answers[path]
                    self._send(status, extra | {"Content-Length": str(len(body))}, body)
                elif path in owner.files:
                    self._file(owner.files[path], headers.get("range"), owner.take_fault())
                else:
                    self._send(404, {"Content-Length": "0"}, b"")
            except (TimeoutError, ConnectionError):
                pass

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            self.send_header("Connection", "close")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def _file(self, data: bytes, range_: str | None, fault: Fault) -> None:
            if fault.raw is not None:
                self.wfile.write(fault.raw)
                return
            if fault.status is not None:
                self._send(fault.status, {"Content-Length": "0"} | fault.headers, b"")
                return
            status, headers, body = _ranged(data, None if fault.no_range else range_, fault.shift)
            if fault.flip is not None and body:
                at = fault.flip % len(body)
                body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            body += b"x" * fault.extra
            if fault.chunked:
                headers["Transfer-Encoding"] = "chunked"
            else:
                headers["Content-Length"] = str(max(0, len(body) + (fault.length or 0)))
            self._send(status, headers | fault.headers, b"")
            if self.command == "GET":
                self._body(body, fault)

        def _body(self, body: bytes, fault: Fault) -> None:
            end = min(x for x in (fault.cut, fault.stall, len(body)) if x is not None)
            step = 1 << 16 if fault.rate is None else max(1, int(fault.rate / 50))
            for at in range(0, end, step):
                piece = body[at : min(at + step, end)]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if fault.chunked else piece)
                if fault.rate is not None and owner.done.wait(step / fault.rate):
                    return
            self.wfile.flush()
            if fault.stall is not None:
                owner.done.wait(20)
            elif fault.chunked and end == len(body):
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _ranged(data: bytes, range_: str | None, shift: int) -> tuple[int, dict[str, str], bytes]:
    found = re.fullmatch(r"bytes=(\d+)-", range_ or "")
    if not found:
        return 200, {"Accept-Ranges": "bytes"}, data
    start = int(found[1])
    if start >= len(data):
        return 416, {"Content-Range": f"bytes */{len(data)}"}, b""
    start = max(0, start + shift)
    return 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)

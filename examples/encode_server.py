"""A server of bundles for the studio's "Encode elsewhere": takes a picture, sends its features back.

    python examples/encode_server.py --origin https://studio.example --token secret

The page gives `http://HOST:PORT/encode` as the address. It is asked as docs/studio.md says: a form with the
file `image`, and `Authorization: Bearer secret` where there is a token. Origins other than those given are
refused by the browser. For one person's use: one picture at a time, no encryption.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import splitmask
from splitmask.bundle import Origin, of_image
from splitmask.engine.base import Engine
from splitmask.errors import SplitmaskError
from splitmask.media import read_image

LARGEST = 64 << 20  # bytes of a request


class Encode(BaseHTTPRequestHandler):
    engine: Engine
    token = ""
    origins: tuple[str, ...] = ()

    def do_OPTIONS(self) -> None:  # what a browser asks before it sends a token
        self.answer(204, b"", "text/plain")

    def do_POST(self) -> None:
        said = self.headers.get("Authorization", "")
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/encode":
            self.answer(404, b"POST /encode", "text/plain")
        elif self.token and not hmac.compare_digest(said, f"Bearer {self.token}"):
            self.answer(401, b"give the token", "text/plain")
        elif length > LARGEST:
            self.answer(413, b"the picture is too large", "text/plain")
        else:
            self.encode(self.rfile.read(length))

    def encode(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n"
        form = message_from_bytes(head.encode() + body, policy=default)
        parts = form.iter_parts() if form.is_multipart() else ()
        found = {str(part.get_param("name", header="content-disposition")): part for part in parts}
        if "image" not in found:
            self.answer(400, b"send a form with the file image", "text/plain")
            return
        picture = cast("bytes", found["image"].get_payload(decode=True))
        name = Path(found["image"].get_filename() or "picture").name
        try:
            self.answer(200, bundle(self.engine, picture, name), "application/zip")
        except SplitmaskError as error:
            self.answer(400, str(error).encode(), "text/plain")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        origin = self.headers.get("Origin", "")
        if origin in self.origins:
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Headers", "authorization, content-type")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def bundle(engine: Engine, picture: bytes, name: str) -> bytes:
    """A picture's file → the zip. Raises SplitmaskError where it is none."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(picture)
        origin = Origin(name, hashlib.sha256(picture).hexdigest())
        of_image(engine, read_image(path), origin).save(Path(folder) / "bundle.zip")
        return (Path(folder) / "bundle.zip").read_bytes()


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--port", type=int, default=7264)
    parser.add_argument("--token", default="")
    parser.add_argument("--origin", action="append", default=[], help="of the page; may be repeated")
    given = parser.parse_args(words)
    Encode.engine = splitmask.load(given.model)
    Encode.token, Encode.origins = given.token, tuple(given.origin)
    with HTTPServer(("127.0.0.1", given.port), Encode) as server:
        print(f"http://127.0.0.1:{server.server_port}/encode", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

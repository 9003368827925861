"""Requests as a download needs them: ranges, redirects that keep tokens to themselves, faults in words.

The standard library's client: it knows HTTPS_PROXY, NO_PROXY and the system's certificates, and asks for no
compression, which would make ranges meaningless.
"""

from __future__ import annotations

import email.utils
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from splitmask import __version__

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_LONGEST_WAIT = 60.0  # seconds that a host may ask for
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST")
_LINKED = "X-Linked-Etag"
_AGAIN = (408, 425, 429)

Response = http.client.HTTPResponse
Headers = Mapping[str, str]
Result = TypeVar("Result")


class HostError(Exception):
    """A host does not give what is asked of it, and will not if asked again."""


class TemporaryError(HostError):
    """It may if asked again. wait: seconds that the host asks for."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class UnansweredError(HostError):
    """Nobody is there: no such host, no network, nobody listening."""


class _AsIs(urllib.request.HTTPErrorProcessor):
    """Every answer is returned, redirects and errors too."""

    def http_response(self, request: urllib.request.Request, response: Response) -> Response:
        return response

    https_response = http_response


@contextmanager
def requested(
    url: str, headers: Headers, timeout: float, method: str = "GET", elsewhere: bool = True
) -> Iterator[Response]:
    """The answer, redirects followed, whatever its status below 300; 416 is an answer too.

    elsewhere: whether to follow to other hosts; if not, such a redirect, or one in which the hub says what
    it leads to, is the answer.
    Raises HostError.
    """
    with faults():
        response = _follow(url, dict(headers), timeout, method, elsewhere)
    with response:
        if response.status >= 400 and response.status != 416:
            raise _refusal(response, url)
        yield response


@contextmanager
def faults() -> Iterator[None]:
    """What goes wrong on the way, as a HostError that says so in words."""
    try:
        yield
    except urllib.error.URLError as error:
        raise _in_words(error.reason) from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise _in_words(error) from error


def _follow(url: str, headers: dict[str, str], timeout: float, method: str, elsewhere: bool) -> Response:
    opener = urllib.request.build_opener(_AsIs)
    headers = {"User-Agent": f"splitmask/{__version__}", **headers}
    for _ in range(_MOST_REDIRECTS):
        request = urllib.request.Request(url, headers=headers, method=method)
        response: Response = opener.open(request, timeout=timeout)
        target = response.headers.get("Location")
        if response.status not in _REDIRECTS or target is None:
            return response
        target = urljoin(url, target)
        if not elsewhere and (_host(target) != _host(url) or _LINKED in response.headers):
            return response
        response.close()
        _check_redirect(url, target)
        if _host(target) != _host(url):  # a token is for the host that it was given to
            headers.pop("Authorization", None)
        url = target
    raise HostError("redirects in a circle")


def _check_redirect(url: str, target: str) -> None:
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
        raise HostError(f"redirects from a safe address to {target[:80]}")


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _refusal(response: Response, url: str) -> HostError:
    status, file = response.status, urlsplit(url).path.rpartition("/")[2]
    if status in _AGAIN or status >= 500:
        return _busy(response)
    if status in (401, 403):
        return HostError(
            f"refuses access ({status}): the repository is private, gated or not there, "
            "or HF_TOKEN is not a valid token"
        )
    if status in (404, 410):
        return HostError(f"has no {file} ({status})")
    if status == 407:
        return HostError("is behind a proxy that asks for a password: HTTPS_PROXY=http://NAME:PASSWORD@HOST")
    return HostError(f"answers {status} {response.reason}")


def _busy(response: Response) -> HostError:
    wait = _retry_after(response.headers.get("Retry-After"))
    if wait > _LONGEST_WAIT:
        return HostError(f"answers {response.status} and asks to wait {wait:.0f} s: try again then")
    return TemporaryError(f"answers {response.status} {response.reason}", wait)


def _retry_after(text: str | None) -> float:
    """Seconds, from a number of them or a date."""
    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _in_words(error: object) -> HostError:
    match error:
        case TimeoutError():
            return TemporaryError("stopped answering")
        case ssl.SSLCertVerificationError():
            return HostError(
                f"has a certificate that is not trusted ({error.verify_message}): behind a company's proxy, "
                "name its certificates by SSL_CERT_FILE"
            )
        case ssl.SSLError() if error.reason in _NO_TLS:
            return HostError("does not speak TLS: is it http:// instead of https://?")
        case socket.gaierror():
            return UnansweredError("cannot be found: is there a network, or a proxy to name by HTTPS_PROXY?")
        case ConnectionRefusedError():
            return UnansweredError("refuses connections")
        case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionError():
            return TemporaryError("cut the connection")
        case OSError() if "Tunnel connection failed" in str(error):
            return HostError(f"cannot be reached through the proxy: {error}")
        case http.client.InvalidURL() | ValueError():
            return HostError(f"has no proper address: {error}")
        case http.client.HTTPException():
            return TemporaryError(f"sends no proper answer ({type(error).__name__})")
        case OSError():
            return TemporaryError(f"cannot be reached: {error.strerror or error}")
        case _:
            return TemporaryError(f"cannot be reached: {error}")


class Patience:
    """How often to ask again: so many times in a row without getting further, waiting longer each time."""

    def __init__(self, retries: int, backoff: float) -> None:
        self.retries, self.backoff = retries, backoff
        self.failures = 0

    def after(self, fault: TemporaryError, further: bool = False) -> None:
        """Waits before the next try. further: the last one got somewhere. Raises HostError at the last."""
        self.failures = 1 if further else self.failures + 1
        if self.failures > self.retries:
            raise HostError(f"{fault}, {self.failures} times in a row") from fault
        time.sleep(max(fault.wait, self.backoff * 2 ** (self.failures - 1)))


def persistently(action: Callable[[], Result], retries: int, backoff: float) -> Result:
    """What an action gives, tried again while its fault is temporary. Raises HostError."""
    patience = Patience(retries, backoff)
    while True:
        try:
            return action()
        except TemporaryError as fault:
            patience.after(fault)

"""The reload action `http`: one request to an allow-listed host."""

from __future__ import annotations

import re
import ssl
import time
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

import httpcore

from karma_adapters.reloads.destinations import Destinations
from karma_adapters.reloads.order import Order
from karma_adapters.reloads.pinned import PinnedBackend
from karma_core import strictjson
from karma_core.errors import DeployFailed
from karma_core.ids import shown
from karma_core.reload_actions import Http

KEY_HEADER: Final = "Idempotency-Key"
REPLY_BYTES: Final = 16 * 1024
"""So much of a reply is read; the rest is left unread. Ours: a reply only has to say what went wrong."""
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_FOREIGN: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class HttpAction:
    """Sends the request and takes any 2xx for success. No proxies, no redirects, no cookies."""

    def __init__(self, destinations: Destinations, tls: ssl.SSLContext | None = None) -> None:
        self._destinations = destinations
        self._tls = tls

    def __call__(self, action: Http, order: Order) -> str:
        """Send the request; DeployFailed if it fails or may not be sent."""
        url = checked_url(order.filled(action.url, lambda value: quote(value, safe="")))
        self._destinations.check_host(url.hostname or "")
        content, headers = _content(action, order)
        what = f"the reload request to {url.hostname}"
        try:
            status, reply = self._send(action.method, url, headers, content, order.seconds)
        except httpcore.TimeoutException as error:
            raise order.failed(what, "no whole answer came in time", late=True) from error
        except (*_FOREIGN, ssl.SSLError) as error:
            raise order.failed(what, str(error) or type(error).__name__) from error
        if status in _SUCCESS:
            return f"{action.method} {url.hostname} answered {status}"
        why = f"it answered {status}" + ("; redirects are not followed" if status in _REDIRECT else "")
        raise order.failed(what, f"{why}\n{_printable(reply)}", status=status)

    def _send(
        self, method: str, url: SplitResult, headers: dict[str, str], content: bytes, seconds: float
    ) -> tuple[int, bytes]:
        """(status, the reply's first REPLY_BYTES)."""
        backend = PinnedBackend(self._destinations, time.monotonic() + seconds)
        with (
            httpcore.ConnectionPool(network_backend=backend, ssl_context=self._tls) as pool,
            pool.stream(
                method, url.geturl(), headers=[(n.encode(), v.encode()) for n, v in headers.items()],
                content=content,
            ) as response,
        ):  # fmt: skip
            reply = bytearray()
            for chunk in response.iter_stream():
                reply += chunk
                if len(reply) >= REPLY_BYTES:
                    break
            return response.status, bytes(reply[:REPLY_BYTES])


def checked_url(text: str) -> SplitResult:
    """The URL in its parts; DeployFailed `reload-url` unless it is http(s) with a host and nothing odd."""
    try:
        url = urlsplit(text)
        sound = url.scheme in {"http", "https"} and url.hostname is not None and url.port != 0
    except ValueError:
        sound = False
    if not sound or url.username is not None or _CONTROL.search(text) or not text.isascii():
        raise DeployFailed(
            f"{shown(text)!r} is not a URL that a reload action can call",
            why="it must be http or https, with a host, in ASCII, without a user's name or a password",
            next_step="correct `reload` in the type's component.yaml",
            code="reload-url",
        )
    return url._replace(fragment="")


def _content(action: Http, order: Order) -> tuple[bytes, dict[str, str]]:
    """The body's bytes and all headers; DeployFailed `reload-header` where a value would end its line."""
    body = order.filled_value(action.body)
    headers: dict[str, str] = {}
    if isinstance(body, str):
        content = body.encode()
    elif body is None:
        content = b""
    else:
        content, headers = strictjson.canonical(body), {"Content-Type": "application/json"}
    given = {name: order.filled(value) for name, value in action.headers.items()}
    lower = {name.lower() for name in given}
    headers = {name: value for name, value in headers.items() if name.lower() not in lower}
    headers |= {**given, KEY_HEADER: order.key, "User-Agent": "karma"}
    headers["Content-Length"] = str(len(content))
    for name, value in headers.items():
        if re.search(r"[\x00-\x1f\x7f]", value) or not value.isascii():
            raise DeployFailed(
                f"the header {shown(name)} of a reload action cannot be sent",
                why="its value holds a line break, or what is not ASCII",
                next_step="correct `reload` in the type's component.yaml",
                code="reload-header",
            )
    return content, headers


def _printable(reply: bytes) -> str:
    text = reply.decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable() or c == "\n")

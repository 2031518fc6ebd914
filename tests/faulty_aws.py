"""A proxy in front of a local AWS: it records every call, and spoils some of them, by a seed.

Threads serve it, one a connection. What it does to a call is drawn before the call is passed on:

=========== ==========================================================================================
throttle    answered by the service's own throttling error; nothing is done
error       answered by 500 (S3: with an XML body, the others: without)
garbage     answered by a 502 with a page of HTML, as load balancers do
reset       the connection is reset; nothing is done
hang        no answer within the client's patience; nothing is done
lose        passed on and done, then the connection is reset: the reply is lost
cut         passed on and done, then only half of the reply is sent
short       passed on with a small page size: batches and pages come in parts
=========== ==========================================================================================
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PAGE_SIZES = {
    "GetParametersByPath": ("MaxResults", 3),
    "DescribeParameters": ("MaxResults", 3),
    "GetParameterHistory": ("MaxResults", 3),
    "Query": ("Limit", 2),
}
_THROTTLED = {
    "ssm": "ThrottlingException",
    "dynamodb": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
}
_S3_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
_HTML = b"<!doctype html><title>502 Bad Gateway</title>"
_HOP = {"connection", "transfer-encoding", "keep-alive", "expect", "content-length"}


@dataclass(frozen=True)
class Call:
    """One request as it came, and what was answered (empty where nothing was)."""

    service: str
    operation: str
    path: str
    request: bytes
    answer: bytes
    fault: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FaultyAws:
    """`rates`: fault → share of calls. `only`: services that are spoiled (none: all)."""

    target: str
    rates: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    hang_seconds: float = 1.0
    only: frozenset[str] = frozenset()
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def draw(self, service: str) -> str:
        """The fault of the next call; empty: none."""
        with self._lock:
            drawn = self._random.random()
        if self.only and service not in self.only:
            return ""
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault
            drawn -= rate
        return ""

    def note(self, call: Call) -> None:
        """Keep a call."""
        with self._lock:
            self.calls.append(call)

    def counted(self) -> dict[str, int]:
        """Fault → how often it was done."""
        faults = [call.fault for call in self.calls]
        return {fault: faults.count(fault) for fault in sorted(set(faults) - {""})}


@contextmanager
def faulty_aws(target: str, **options: Any) -> Iterator[FaultyAws]:
    """A proxy on a free port of the loopback address, as long as the block runs."""
    proxy = FaultyAws(target, **options)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyAws
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service, operation = self._called()
        fault = self.proxy.draw(service)

        def note(answered: bytes) -> None:
            """Before the client has its answer, so that whoever was answered finds the call recorded."""
            call = Call(service, operation, self.path, body, answered, fault, dict(self.headers))
            self.proxy.note(call)

        try:
            if fault in {"", "lose", "cut", "short"}:
                self._pass_on(body, operation, fault, note)
            else:
                note(b"")
                self._spoil(service, fault)
        except OSError:
            self.close_connection = True  # the client was tired of waiting

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _called(self) -> tuple[str, str]:
        target = self.headers.get("X-Amz-Target", "")
        if target:
            name, _, operation = target.partition(".")
            return ("ssm" if name == "AmazonSSM" else name.split("_")[0].lower()), operation
        scope = re.search(r"/\d{8}/[^/]+/([a-z0-9-]+)/aws4_request", self.headers.get("Authorization", ""))
        return (scope[1] if scope else "s3"), self.command or ""

    def _pass_on(self, body: bytes, operation: str, fault: str, note: Callable[[bytes], None]) -> None:
        path = self.path
        if fault == "short":
            body, path = _smaller(body, operation), _smaller_listing(path)
        try:
            status, headers, answer = self._forward(body, path)
        except OSError:
            note(b"")
            raise
        note(answer)
        if fault == "lose":
            self._reset()
        else:
            self._answer(status, headers, answer, cut=fault == "cut" and len(answer) > 1)

    def _forward(self, body: bytes, path: str) -> tuple[int, dict[str, str], bytes]:
        place = urlsplit(self.proxy.target)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            connection.request(self.command, path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
            kept = {n: v for n, v in response.getheaders() if n.lower() not in _HOP}
            kept["Content-Length"] = response.getheader("Content-Length") or str(len(content))
            return response.status, kept, content
        finally:
            connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], answer: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"date", "server"}:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if cut else answer)
        if cut:
            self.close_connection = True

    def _spoil(self, service: str, fault: str) -> None:
        if fault == "hang":
            time.sleep(self.proxy.hang_seconds)
        if fault in {"hang", "reset"}:
            self._reset()
        elif fault == "garbage":
            self._short_answer(502, _HTML, "text/html")
        elif service == "s3":
            code = "SlowDown" if fault == "throttle" else "InternalError"
            body = b"" if self.command == "HEAD" else _S3_ERROR.format(code=code).encode()
            self._short_answer(503 if fault == "throttle" else 500, body, "application/xml")
        elif fault == "throttle":
            self._short_answer(400, json.dumps({"__type": _THROTTLED.get(service, "Throttling")}).encode())
        else:
            self._short_answer(500, b"")

    def _short_answer(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.0") -> None:
        self._answer(status, {"Content-Type": kind, "Content-Length": str(len(body))}, body)

    def _reset(self) -> None:
        """Close so that the other side sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = self.rfile  # nothing is written to a closed connection when the handler ends


def _smaller(body: bytes, operation: str) -> bytes:
    """The request with a small page size, where it has pages."""
    if operation not in _PAGE_SIZES:
        return body
    name, size = _PAGE_SIZES[operation]
    request = json.loads(body)
    return json.dumps({**request, name: min(size, request.get(name, size))}).encode()


def _smaller_listing(path: str) -> str:
    return path + "&max-keys=2" if "list-type=2" in path and "max-keys" not in path else path

"""The recording proxy itself: what a caller was answered is recorded by then."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.faulty_aws import Call, FaultyAws, faulty_aws


class _Target(BaseHTTPRequestHandler):
    """Answers everything, as a local AWS would."""

    def do_GET(self) -> None:
        """An empty success."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_call_is_recorded_before_its_answer_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests read the calls as soon as they are answered, however slow the proxy's thread is."""
    note = FaultyAws.note

    def slowly(proxy: FaultyAws, call: Call) -> None:
        time.sleep(0.2)
        note(proxy, call)

    monkeypatch.setattr(FaultyAws, "note", slowly)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        with faulty_aws(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
            assert httpx.get(f"{proxy.url}/bucket/key").status_code == 200
            assert [call.path for call in proxy.calls] == ["/bucket/key"]
    finally:
        server.shutdown()
        server.server_close()

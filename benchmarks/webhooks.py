"""How soon a webhook is answered, with the id of its run: on a real Prefect server, over HTTP."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.figures import Figure
from karma_core.webhooks import sign
from tests.e2e.running_service import RunningService
from tests.e2e.worker_fleet import make_project
from tests.signed_orders import order_headers

TITLE = "Webhooks"
LIMIT = 1.0
"""GitHub ends a delivery after ten seconds (its documentation, "Best practices for using webhooks")."""
DELIVERIES = 30
SECRET = "a secret of the benchmark"  # noqa: S105 - it guards nothing
PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "after": "a" * 40,
    "repository": {"full_name": "acme/infra", "default_branch": "main"},
    "pusher": {"name": "ann"},
    "head_commit": {"message": "more", "author": {"email": "ann@example.org"}},
    "commits": [{"modified": ["iac/east/nap/one/config.json"]}],
}


def run() -> Iterator[Figure]:
    """The median and the slowest answer, for a push and for a generic order."""
    variables = {
        "KARMA_WEBHOOKS__GITHUB_SECRET": SECRET,
        "KARMA_ENVIRONMENTS__EAST__WEBHOOK_SECRET": SECRET,
        "KARMA_WEBHOOKS__REPOSITORIES": '["acme/infra"]',
        "KARMA_API__PORT": "0",
    }
    with tempfile.TemporaryDirectory() as place:
        karma = make_project(Path(place), ("east",), 1)
        service = RunningService(karma, "--only", "server", "--only", "api", variables=variables)
        try:
            with httpx.Client(base_url=service.url("api"), trust_env=False, timeout=60) as client:
                for kind, body in (("github", PUSH), ("generic", {"flow": "graph-rebuild"})):
                    yield from _figures(kind, [_deliver(client, kind, body) for _ in range(DELIVERIES)])
        finally:
            service.stop()


def _figures(kind: str, seconds: list[float]) -> Iterator[Figure]:
    note = f"of {DELIVERIES} deliveries, median {statistics.median(seconds):.3f} s"
    yield Figure(f"{kind}: slowest answer", max(seconds), LIMIT, "s", note)


def _deliver(client: httpx.Client, kind: str, body: dict[str, Any]) -> float:
    """Seconds until a delivery has been answered with its run's id."""
    raw = json.dumps(body).encode()
    delivery = str(uuid4())
    headers = {
        "x-hub-signature-256": sign(SECRET, raw),
        "x-github-delivery": delivery,
        "x-github-event": "push",
    }
    if kind == "generic":
        headers = order_headers(SECRET, "east", raw, delivery=delivery, at=datetime.now(UTC))
    started = time.perf_counter()
    answer = client.post(f"/webhooks/{kind}", content=raw, headers=headers)
    seconds = time.perf_counter() - started
    if answer.status_code != httpx.codes.ACCEPTED or not answer.json()["runs"][0]["flow_run_id"]:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return seconds

"""The API as its users have it: a process over a project, tokens of the command line, real Terraform."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from karma_core.webhooks import sign
from tests.e2e.command_line import Karma, environment, write_config
from tests.e2e.conftest import commit, git
from tests.unit.karma_core.test_webhooks import payload

SECRET = "a long enough secret"
WAIT_SECONDS = 120


class Api:
    """A project with one environment, its tokens, and a server that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.karma = Karma(folder, env="dev")
        assert self.karma.run("init", str(folder), "--json").code == 0
        git(folder, "init", "-q", "-b", "main")
        commit(folder, "start")
        self.karma.json("config", "publish")
        self.karma.json("graph", "build")
        made = {
            role: self.karma.json("token", "create", f"{role}@example.org", "--role", role)
            for role in ("viewer", "operator", "approver")
        }
        self.tokens = {role: document["token"] for role, document in made.items()}
        self.token_ids = {role: document["id"] for role, document in made.items()}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def served(self) -> Iterator[subprocess.Popen[bytes]]:
        """A server process; killed at the end unless it has ended."""
        variables = {
            "KARMA_API__PORT": str(self.port),
            "KARMA_WEBHOOKS__GITHUB_SECRET": SECRET,
            "KARMA_WEBHOOKS__REPOSITORIES": '["acme/infra"]',
        }
        words = [sys.executable, "-m", "karma_api"]
        process = subprocess.Popen(words, cwd=self.karma.project, env=environment(variables))
        try:
            self._wait()
            yield process
        finally:
            process.kill()
            process.wait()

    def _wait(self) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def client(self, role: str) -> httpx.Client:
        """A client that is signed in."""
        headers = {"authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT_SECONDS, trust_env=False)

    def until(self, change_id: str, status: str) -> dict[str, Any]:
        """The change when it has come to that status."""
        until = time.monotonic() + WAIT_SECONDS
        with self.client("viewer") as viewer:
            while time.monotonic() < until:
                change: dict[str, Any] = viewer.get(f"/changes/{change_id}").json()
                if change["status"] == status:
                    return change
                time.sleep(0.2)
        raise AssertionError(change)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """One project for the module."""
    return Api(tmp_path_factory.mktemp("api") / "project")


def test_the_graph_is_that_of_the_command_line(api: Api) -> None:
    """The same document, at once after a build by another process."""
    with api.served(), api.client("viewer") as viewer:
        assert viewer.get("/graph").json() == api.karma.json("graph", "show")
        write_config(api.karma.project, "dev", "hello/moon", '{"greeting": "good night"}')
        commit(api.karma.project)
        api.karma.json("config", "publish")
        api.karma.json("graph", "build")
        assert viewer.get("/graph").json() == api.karma.json("graph", "show")
        assert viewer.get("/readyz").json()["status"] == "ok"


def test_a_change_is_followed_over_a_death_of_the_server(api: Api) -> None:
    """Requested by REST, followed by events over kill -9, finished, and found in GraphQL and the log."""
    asked = {"component": "hello/world", "proposed_change": {"greeting": "hi"}, "reason": "shorter"}
    seen: list[dict[str, Any]] = []
    with api.served(), api.client("operator") as operator:
        body = operator.post("/request-change?apply=false", json=asked).json()
        assert (body["status"], body["plan"]["status"]) == ("approved", "changes")
        seen += _events(api, after=0, until=lambda event: event["status"] == "approved")
    with api.served(), api.client("operator") as operator:
        assert operator.post(f"/changes/{body['change_id']}/apply").status_code == 202
        seen += _events(api, after=seen[-1]["seq"], until=lambda event: event["status"] == "applied")
        query = '{ component(id: "hello/world") { status config runtime } changes { status } }'
        answered = operator.post("/graphql", json={"query": query}).json()["data"]
        assert answered["component"]["config"] == {"greeting": "hi"}
        assert answered["component"]["status"] == "current"
        assert answered["changes"][0]["status"] == "applied"
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert {"operator@example.org"} == {e["user"] for e in seen if e["change_id"]}
    assert api.karma.json("log", "verify")["verified"] is True


def _events(api: Api, *, after: int, until: Any) -> list[dict[str, Any]]:
    """What the stream gives, up to the change's event that ends the wait."""
    events = []
    with api.client("viewer") as viewer:
        headers = {"last-event-id": str(after)}
        with viewer.stream("GET", "/events", headers=headers) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    events.append(json.loads(line.removeprefix("data: ")))
                    if events[-1]["action"] == "change" and until(events[-1]):
                        return events
    raise AssertionError(events)


def changes_of(viewer: httpx.Client, user: str) -> list[str]:
    """Ids of the changes that somebody requested, the newest first."""
    items = viewer.get("/changes").json()["items"]
    return [change["change_id"] for change in items if change["requested_by"] == user]


def test_a_signed_push_is_applied(api: Api) -> None:
    """The configs of the pushed commit, deployed, in the name of who pushed."""
    write_config(api.karma.project, "dev", "hello/pushed", '{"greeting": "hey"}')
    pushed = commit(api.karma.project)
    one = {
        "message": "hey",
        "author": {"email": "ann@example.org"},
        "modified": ["iac/dev/hello/pushed/config.json"],
    }
    raw = json.dumps(payload(after=pushed, head_commit=one, commits=[one])).encode()
    headers = {
        "x-hub-signature-256": sign(SECRET, raw),
        "x-github-delivery": "delivery-1",
        "x-github-event": "push",
    }
    with api.served(), api.client("viewer") as viewer:
        answer = viewer.post("/webhooks/github", content=raw, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (202, "started")
        until = time.monotonic() + WAIT_SECONDS
        while not (requested := changes_of(viewer, "webhook:ann")):
            assert time.monotonic() < until
            time.sleep(0.2)
        shown = api.until(requested[0], "applied")
        assert f"commit {pushed} by ann@example.org: hey" in shown["reason"]
        assert viewer.get("/components/hello/pushed").json()["runtime"]["text"] == "hey from pushed"


def test_tokens_end_and_the_server_too(api: Api) -> None:
    """A revoked token is refused; SIGTERM ends the server by itself."""
    with api.served() as process, api.client("approver") as approver:
        assert approver.get("/whoami").json()["role"] == "approver"
        listed = api.karma.json("token", "list")
        assert api.token_ids["approver"] in [token["id"] for token in listed]
        api.karma.json("token", "revoke", api.token_ids["approver"])
        assert approver.get("/whoami").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) in {0, -signal.SIGTERM}

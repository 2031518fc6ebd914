"""Deliveries: signed, taken once, listed, and turned into a change that is applied."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.local.thread_runs import ThreadRuns
from karma_api.service import Hooks
from karma_core.policy.identities import read_identities
from karma_core.webhooks import WINDOW_SECONDS, sign
from karma_core.workspace import Workspace
from tests.served_system import ServedSystem
from tests.signed_orders import order_headers
from tests.unit.karma_core.test_webhooks import payload

SECRET = "a long enough secret"
HOOKS = Hooks(github_secret=SECRET, generic_secret=SECRET, repositories=("acme/infra",))


class Hooked(ServedSystem):
    """A served system whose webhooks are on, with a Git clone as its repository."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.repository: Any = None
        super().__init__(**options)
        self.root = root
        object.__setattr__(self.service, "hooks", HOOKS)
        workspace = replace(self.service.workspace, repository=GitConfigRepository(root))
        object.__setattr__(self.service, "workspace", workspace)
        if hasattr(self.runs, "_workspaces"):
            self.runs._workspaces = lambda _: workspace

    def commit(self, **configs: dict[str, Any] | None) -> str:
        """Commit configs (None: remove) and return the commit."""
        for name, config in configs.items():
            path = self.root / "iac/test" / name.replace("_", "/") / "config.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            if config is None:
                path.unlink()
            else:
                path.write_text(json.dumps(config, indent=2))
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "configs"]):
            subprocess.run(
                ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                cwd=self.root,
                check=True,
            )
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def deliver(
        self, body: Any, kind: str = "github", *, delivery: str = "delivery-1", **headers: str
    ) -> httpx.Response:
        """Send a signed delivery."""
        raw = json.dumps(body).encode()
        own = {"x-hub-signature-256": sign(SECRET, raw), "x-github-delivery": delivery}
        if kind == "generic":
            own = order_headers(SECRET, "test", raw, delivery=delivery, at=self.clock())
        own["x-github-event"] = "push"
        return self.http.post(f"/webhooks/{kind}", content=raw, headers={**own, **headers})


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Hooked]:
    """Runs are recorded."""
    made = Hooked(tmp_path)
    yield made
    made.close()


def push_of(*paths: str, commit: str = "a" * 40, **fields: Any) -> dict[str, Any]:
    """A push that modifies paths."""
    one = {"message": "m", "author": {"email": "ann@example.org"}, "modified": list(paths)}
    return payload(after=commit, head_commit=one, commits=[one], **fields)


def test_a_push_is_applied_as_one_change(tmp_path: Path) -> None:
    """Changed, new and removed configs of the commit, with its author and message, once."""
    hooked = Hooked(tmp_path, runs_go=True)
    commit = hooked.commit(a_one={"size": 7}, e_new={"size": 1}, b_two={"a_nickname": "one"})
    paths = [f"iac/test/{name}/config.json" for name in ("a/one", "b/two", "d/four", "e/new")]
    answer = hooked.deliver(push_of(*paths, commit=commit))
    assert (answer.status_code, answer.json()["status"]) == (202, "started")
    assert answer.json()["runs"][0]["flow"] == "push-run"
    again = hooked.deliver(push_of(*paths, commit=commit))
    assert (again.status_code, again.json()["status"]) == (200, "known")
    assert again.json()["runs"] == answer.json()["runs"]
    hooked.runs.close()
    changes = hooked.get("/changes").json()["items"]
    assert [(c["components"], c["requested_by"]) for c in changes] == [
        (["a/one", "d/four", "e/new"], "webhook:ann")
    ]
    shown = hooked.get(f"/changes/{changes[0]['change_id']}").json()
    assert f"commit {commit} by ann@example.org" in shown["reason"]
    assert shown["status"] == "awaiting_approval"  # it destroys d/four
    hooked.close()


def test_a_push_of_what_is_there_changes_nothing(tmp_path: Path) -> None:
    """Equal configs, whatever their layout, are no change."""
    hooked = Hooked(tmp_path, runs_go=True)
    commit = hooked.commit(a_one={"size": 1})
    assert hooked.deliver(push_of("iac/test/a/one/config.json", commit=commit)).status_code == 202
    hooked.runs.close()
    assert hooked.get("/changes").json()["items"] == []
    hooked.close()


@pytest.mark.parametrize(
    "body",
    [
        push_of("README.md"),
        push_of("iac/prod/a/one/config.json"),
        push_of("iac/test/../test/a/one/config.json"),
        push_of("iac/test/a/one/config.json", ref="refs/heads/other"),
        push_of("iac/test/a/one/config.json", repository={"full_name": "mallory/infra"}),
        push_of("iac/test/a/one/config.json", deleted=True),
    ],
    ids=["no config", "another environment", "odd path", "another branch", "a fork", "a deletion"],
)
def test_what_is_not_listed_is_ignored(hooked: Hooked, body: Any) -> None:
    """200 and no run: the sender need not try again."""
    answer = hooked.deliver(body)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert hooked.runs.started == []


def test_other_events_are_ignored(hooked: Hooked) -> None:
    """A ping, or what has nothing to do with configs."""
    for event in ("ping", "issues"):
        answer = hooked.deliver(payload(), **{"x-github-event": event})
        assert answer.json()["status"] == "ignored"
    assert hooked.runs.started == []


@pytest.mark.parametrize(
    "signature", ["", "sha1=" + "0" * 40, "sha256=" + "0" * 64, sign("another long secret", b"{}")]
)
@pytest.mark.parametrize("kind", ["github", "generic"])
def test_a_bad_signature_is_denied_and_logged(hooked: Hooked, kind: str, signature: str) -> None:
    """401, nothing started, a denial in the log."""
    headers = {"x-hub-signature-256": signature, "x-karma-signature-256": signature}
    answer = hooked.deliver(push_of("iac/test/a/one/config.json"), kind, **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook-signature")
    assert list(hooked.log.events(action="access"))[-1].inputs["route"] == f"webhook-{kind}"
    assert hooked.runs.started == []


def test_bad_bodies_are_refused_after_the_signature(hooked: Hooked) -> None:
    """422 with a code, nothing started."""
    for body in ([], {"ref": 1}, {"a": {}}):
        assert hooked.deliver(body).status_code == 422
        assert hooked.deliver(body, "generic").status_code == 422
    assert hooked.deliver(payload(), delivery="x").status_code == 422
    assert hooked.runs.started == []


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"component": "a/one"},
        {"changes": [{"odd": 1}]},
        {"changes": []},
        {"component": "a/one", "proposed_change": {}, "changes": [{"component": "a/one", "remove": True}]},
    ],
)
def test_an_order_that_is_no_change_is_refused_at_once(hooked: Hooked, order: Any) -> None:
    """422: the sender is told, instead of a run that can only fail."""
    answer = hooked.deliver({"flow": "change-run", **order}, "generic")
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook-payload")
    assert hooked.runs.started == []


def test_a_generic_order_is_taken_once(hooked: Hooked) -> None:
    """A rebuild, or a change, in the name of the system that signed."""
    order = {
        "flow": "change-run",
        "user": "ci",
        "component": "a/one",
        "proposed_change": {"size": 3},
    }
    first = hooked.deliver(order, "generic")
    assert (first.status_code, hooked.deliver(order, "generic").json()["status"]) == (202, "known")
    flow, parameters, _ = hooked.runs.started[0]
    assert (flow, parameters["requested_by"], parameters["source"]) == (
        "change-run",
        "webhook:generic/ci",
        "webhook",
    )
    assert parameters["apply_when_approved"] is True
    rebuild = hooked.deliver({"flow": "graph-rebuild"}, "generic", delivery="delivery-2")
    assert rebuild.json()["runs"][0]["flow"] == "graph-rebuild"
    events = list(hooked.log.events(action="webhook"))
    assert [event.user for event in events] == ["webhook:generic/ci", "webhook:generic/unknown"]


def test_a_generic_change_is_applied(tmp_path: Path) -> None:
    """The run requests the change and applies it."""
    hooked = Hooked(tmp_path, runs_go=True)
    order = {"flow": "change-run", "component": "a/one", "proposed_change": {"size": 3}}
    assert hooked.deliver(order, "generic").status_code == 202
    hooked.runs.close()
    assert hooked.config("a/one") == {"size": 3}
    assert hooked.get("/changes").json()["items"][0]["status"] == "applied"
    hooked.close()


def test_without_a_secret_a_webhook_is_off(hooked: Hooked) -> None:
    """404, whatever the signature says."""
    object.__setattr__(hooked.service, "hooks", Hooks())
    assert hooked.deliver(payload()).status_code == 404
    assert hooked.deliver({}, "generic").status_code == 404


def test_a_pull_request_starts_its_check(hooked: Hooked) -> None:
    """Once for its delivery; only for new content, and only in a listed repository."""
    event = {"x-github-event": "pull_request"}
    body = {
        "action": "synchronize",
        "number": 7,
        "repository": {"full_name": "acme/infra"},
        "sender": {"login": "ann"},
    }
    taken = hooked.deliver(body, **event)
    assert (taken.status_code, taken.json()["runs"][0]["flow"]) == (202, "pull-request-check")
    again = hooked.deliver(body, **event)
    assert again.json() == {**taken.json(), "status": "known"}
    for other in ({"action": "labeled"}, {"repository": {"full_name": "mallory/infra"}}):
        ignored = hooked.deliver({**body, **other}, delivery="delivery-2", **event)
        assert ignored.json()["status"] == "ignored"
    unread = hooked.deliver({"action": 1}, delivery="delivery-3", **event)
    assert unread.status_code == 422


@pytest.mark.parametrize("kind", ["github", "generic"])
def test_the_answer_does_not_wait_for_the_work(tmp_path: Path, kind: str) -> None:
    """While the work stands still the run's id is given, to the same delivery again, too."""
    hooked = Hooked(tmp_path, runs_go=True)
    begun, let_go = threading.Event(), threading.Event()

    def stand_still(_workspace: Workspace, _parameters: Mapping[str, Any]) -> None:
        begun.set()
        assert let_go.wait(60)

    work = dict.fromkeys(("push-run", "graph-rebuild"), stand_still)
    hooked.runs = ThreadRuns(lambda _: hooked.service.workspace, work)
    object.__setattr__(hooked.service, "starter", hooked.runs)
    body = push_of("iac/test/a/one/config.json") if kind == "github" else {"flow": "graph-rebuild"}
    answer = hooked.deliver(body, kind)
    again = hooked.deliver(body, kind)
    assert begun.wait(60)
    assert not let_go.is_set()
    assert (answer.status_code, again.status_code) == (202, 200)
    assert answer.json()["runs"][0]["flow_run_id"] == again.json()["runs"][0]["flow_run_id"]
    let_go.set()
    hooked.close()


ORDER = {"flow": "graph-rebuild"}
RAW = json.dumps(ORDER).encode()


@pytest.mark.parametrize("seconds", [-WINDOW_SECONDS - 2, WINDOW_SECONDS + 2, -86_400, 86_400])
def test_an_order_counts_for_five_minutes(hooked: Hooked, seconds: float) -> None:
    """One that was caught on its way is worth nothing later, nor one that is dated ahead."""
    at = hooked.clock() + timedelta(seconds=seconds)
    answer = hooked.deliver(ORDER, "generic", **order_headers(SECRET, "test", RAW, delivery="old-one", at=at))
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook-signature")
    assert "minutes" in answer.json()["why"]
    assert hooked.runs.started == []


def test_an_order_is_signed_for_its_environment_its_id_and_its_time(hooked: Hooked) -> None:
    """A signed body cannot be sent to another environment, under a new id, or at another time."""
    at = hooked.clock()
    signed = order_headers(SECRET, "test", RAW, delivery="delivery-1", at=at)
    elsewhere = order_headers(SECRET, "prod", RAW, delivery="delivery-1", at=at)
    later = order_headers(SECRET, "test", RAW, delivery="delivery-1", at=at + timedelta(seconds=9))
    for headers in (
        elsewhere,
        {**signed, "x-karma-delivery": "delivery-2"},
        {**signed, "x-karma-timestamp": later["x-karma-timestamp"]},
        {**signed, "x-karma-timestamp": ""},
        {**signed, "x-karma-signature-256": sign(SECRET, RAW)},
    ):
        assert hooked.deliver(ORDER, "generic", **headers).status_code == 401
    assert hooked.runs.started == []


def test_the_old_form_is_named(hooked: Hooked) -> None:
    """Who signs the body alone is told what to sign; nothing starts."""
    answer = hooked.deliver(ORDER, "generic", **{"x-karma-signature-256": sign(SECRET, RAW)})
    assert answer.status_code == 401
    assert "old form" in answer.json()["why"]
    assert "x-karma-timestamp" in answer.json()["next"]


def test_nobody_is_named_by_null(hooked: Hooked) -> None:
    """GitHub gives null for authors that it does not know; the push counts all the same."""
    one = {
        "message": "m",
        "author": {"name": None, "email": None},
        "modified": ["iac/test/a/one/config.json"],
    }
    push = payload(head_commit=one, commits=[one, {**one, "author": None}], pusher={"name": None})
    assert hooked.deliver(push).status_code == 202
    parameters = hooked.runs.started[0][1]
    assert (parameters["author"], parameters["requested_by"]) == ("unknown", "webhook:unknown")
    pull = {"action": "opened", "number": 7, "repository": {"full_name": "acme/infra"}, "sender": None}
    answer = hooked.deliver(pull, delivery="delivery-2", **{"x-github-event": "pull_request"})
    assert answer.status_code == 202


def test_names_are_cleaned_before_they_are_kept(hooked: Hooked) -> None:
    """No line ends, escapes or overrides of the writing direction in a user's name."""
    dirty = "an\x1b[31mn\u202e\r\n  root\x00" + 300 * "x"
    assert (
        hooked.deliver(push_of("iac/test/a/one/config.json", pusher={"name": dirty[:190]})).status_code == 202
    )
    order = {**ORDER, "user": dirty[:100]}
    assert hooked.deliver(order, "generic", delivery="delivery-2").status_code == 202
    for _, parameters, _ in hooked.runs.started:
        name = parameters["requested_by"]
        assert name.isprintable()
        assert len(name) < 120
        assert name.startswith(("webhook:an [31mn root x", "webhook:generic/an [31mn root x"))
    assert all(event.user.isprintable() for event in hooked.log.events(action="webhook"))


def test_a_generic_order_is_no_login_of_github(hooked: Hooked) -> None:
    """`user` is what the sender says: it makes nobody the person who has that login."""
    hooked.deliver({**ORDER, "user": "ann-dev"}, "generic")
    said = hooked.runs.started[0][1]["requested_by"]
    people = read_identities({"ann@example.org": ["github:ann-dev"]})
    assert not people.same(said, "ann@example.org")
    assert people.same("webhook:ann-dev", "ann@example.org")

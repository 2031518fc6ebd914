"""Parsing of webhooks: signatures, pushes, and the components that a push touches.

Pure: nothing is asked, nothing is written. The forms are GitHub's (docs.github.com, Webhooks: validating
deliveries, and the event `push`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from karma_core import documents, ids
from karma_core.errors import BadInput
from karma_core.json_types import JsonValue
from karma_core.model import Record

SHORTEST_SECRET: Final = 16
"""Ours: 16 characters of a password generator have about 100 bits."""
SIGNATURE_PREFIX: Final = "sha256="
"""Begins GitHub's signatures, of the body alone."""
ORDER_PREFIX: Final = "v1="
"""Begins the signatures of generic orders, of the body with where, which and when."""
WINDOW_SECONDS: Final = 300
"""How far the time of a generic order may be from ours. Ours, and that of Stripe and Slack."""
MAX_NAME: Final = 100
"""Longest name of a user that a delivery may give, in characters. Ours; GitHub's logins have 39."""
UNKNOWN: Final = "unknown"
"""The name of a user whom a delivery does not name."""
CONFIG_FILE: Final = "config.json"
BRANCH_PREFIX: Final = "refs/heads/"
DELIVERY: Final = re.compile(r"[A-Za-z0-9-]{8,100}\Z")
"""Ids of deliveries; GitHub's are UUIDs."""
TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\Z")
COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
"""SHA-1 or SHA-256 names of commits."""
MAX_MESSAGE: Final = 500
NEW_CONTENT: Final = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
"""Actions of the event `pull_request` after which there is something new to judge."""


def sign(secret: str, raw: bytes) -> str:
    """The signature of a body: HMAC-SHA256 in hex, as the header has it."""
    return SIGNATURE_PREFIX + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def is_signed(secret: str, raw: bytes, signature: str) -> bool:
    """Whether the signature is the body's, compared in constant time; never where there is no secret."""
    return _is_same(secret, sign(secret, raw), signature)


def sign_order(secret: str, environment: str, delivery: str, timestamp: str, raw: bytes) -> str:
    """The signature of a generic order: HMAC-SHA256 in hex over environment, delivery id, time and body.

    Each of the first three stands on a line of its own, so that none can pass for a part of another.
    """
    said = f"{environment}\n{delivery}\n{timestamp}\n".encode("utf-8", "replace")
    return ORDER_PREFIX + hmac.new(secret.encode(), said + raw, hashlib.sha256).hexdigest()


def is_signed_order(
    secret: str, environment: str, delivery: str, timestamp: str, raw: bytes, signature: str
) -> bool:
    """Whether the signature is that of this order, as `is_signed`."""
    return _is_same(secret, sign_order(secret, environment, delivery, timestamp, raw), signature)


def is_timely(timestamp: str, now: float) -> bool:
    """Whether a time in whole seconds since 1970 is within the window around `now`, in such seconds."""
    return bool(TIMESTAMP.match(timestamp)) and abs(now - int(timestamp)) <= WINDOW_SECONDS


def _is_same(secret: str, expected: str, given: str) -> bool:
    return bool(secret) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def cleaned_name(name: str) -> str:
    """A user's name as it is kept: printable, on one line, at most MAX_NAME characters; never empty.

    Control characters, overrides of the writing direction and separators of lines become blanks.
    """
    printable = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(printable.split())[:MAX_NAME].strip() or UNKNOWN


class Push(Record, frozen=True, kw_only=True):
    """A push to a branch. `paths` are the files that its listed commits and its head touch, sorted.

    `pusher` is who pushed.
    """

    repository: str
    branch: str
    commit: str
    pusher: str
    author: str
    message: str
    paths: tuple[str, ...]


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(max_length=200)] | None = None
    email: Annotated[str, Meta(max_length=300)] | None = None


class _Commit(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    author: _Person | None = None
    added: list[str] = []
    removed: list[str] = []
    modified: list[str] = []


class _Repository(msgspec.Struct, frozen=True, kw_only=True):
    full_name: Annotated[str, Meta(max_length=300)]


class _GithubPush(msgspec.Struct, frozen=True, kw_only=True):
    ref: str
    after: str
    deleted: bool = False
    repository: _Repository
    pusher: _Person | None = None
    head_commit: _Commit | None = None
    commits: list[_Commit] = []


def read_github_push(body: JsonValue) -> Push | None:
    """The push to a branch that the payload tells of; None where it is a tag's or a deletion.

    BadInput `webhook-payload` where it is no push at all.
    """
    try:
        payload = documents.read(_GithubPush, body)
    except documents.Faults as error:
        raise _no_push(error.summary(whole="payload")) from error
    if payload.deleted or not payload.ref.startswith(BRANCH_PREFIX):
        return None
    if not COMMIT.match(payload.after):
        raise _no_push("after: it is not a commit's name")
    head = payload.head_commit or (payload.commits[-1] if payload.commits else _Commit())
    # A forced push, a new branch and a push of very many commits do not list all; the head is always there.
    listed = [*payload.commits, head]
    paths = {path for c in listed for path in (*c.added, *c.removed, *c.modified)}
    return Push(
        repository=payload.repository.full_name,
        branch=payload.ref.removeprefix(BRANCH_PREFIX),
        commit=payload.after,
        pusher=cleaned_name((payload.pusher or _Person()).name or ""),
        author=_author(head.author or _Person()),
        message=head.message[:MAX_MESSAGE],
        paths=tuple(sorted(paths)),
    )


def _author(person: _Person) -> str:
    return cleaned_name(person.email or person.name or "")


def _no_push(why: str) -> BadInput:
    return BadInput(
        "the webhook's body is not a push",
        why=why,
        next_step="send GitHub's event `push` as application/json",
        code="webhook-payload",
    )


class PullRequestEvent(Record, frozen=True, kw_only=True):
    """A pull request that was opened, or that has new commits; `sender` did that."""

    repository: str
    number: int
    sender: str


class _Sender(msgspec.Struct, frozen=True, kw_only=True):
    login: Annotated[str, Meta(max_length=200)] | None = None


class _GithubPullRequest(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    number: Annotated[int, Meta(ge=1)]
    repository: _Repository
    sender: _Sender | None = None


def read_github_pull_request(body: JsonValue) -> PullRequestEvent | None:
    """The pull request whose content is new; None for any other news of one. BadInput `webhook-payload`."""
    try:
        payload = documents.read(_GithubPullRequest, body)
    except documents.Faults as error:
        raise BadInput(
            "the webhook's body is no pull request",
            why=error.summary(whole="payload"),
            next_step="send GitHub's event `pull_request` as application/json",
            code="webhook-payload",
        ) from error
    if payload.action not in NEW_CONTENT:
        return None
    sender = cleaned_name((payload.sender or _Sender()).login or "")
    return PullRequestEvent(repository=payload.repository.full_name, number=payload.number, sender=sender)


def is_listed(push: Push, repositories: Sequence[str], branches: Sequence[str]) -> bool:
    """Whether pushes of this repository to this branch count. Names are compared exactly."""
    return push.repository in repositories and push.branch in branches


def touched(push: Push, config_dir: str, environments: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Environment → addresses of the components whose config file the push touches, both sorted."""
    return configs_among(push.paths, config_dir, environments)


def configs_among(
    paths: Sequence[str], config_dir: str, environments: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Environment → addresses of the components whose config files are among the paths, both sorted.

    A path counts if it is exactly `<config_dir>/<environment>/<type>/<nickname>/config.json` with valid
    names; anything else says nothing.
    """
    base = tuple(part for part in config_dir.split("/") if part not in {"", "."})
    addresses: dict[str, set[str]] = {}
    for path in paths:
        parts = tuple(path.split("/"))
        if len(parts) != len(base) + 4 or parts[: len(base)] != base or parts[-1] != CONFIG_FILE:
            continue
        environment, component_type, nickname = parts[len(base) : -1]
        address = f"{component_type}/{nickname}"
        if environment in environments and ids.is_address(address):
            addresses.setdefault(environment, set()).add(address)
    return {name: tuple(sorted(addresses[name])) for name in sorted(addresses)}

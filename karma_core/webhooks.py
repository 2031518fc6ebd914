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
CONFIG_FILE: Final = "config.json"
BRANCH_PREFIX: Final = "refs/heads/"
DELIVERY: Final = re.compile(r"[A-Za-z0-9-]{8,100}\Z")
"""Ids of deliveries; GitHub's are UUIDs."""
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
    given = signature.encode("utf-8", "replace")
    return bool(secret) and hmac.compare_digest(sign(secret, raw).encode(), given)


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
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=300)] | None = None


class _Commit(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    author: _Person = _Person()
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
    pusher: _Person = _Person()
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
        pusher=payload.pusher.name,
        author=head.author.email or head.author.name,
        message=head.message[:MAX_MESSAGE],
        paths=tuple(sorted(paths)),
    )


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
    login: Annotated[str, Meta(max_length=200)] = ""


class _GithubPullRequest(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    number: Annotated[int, Meta(ge=1)]
    repository: _Repository
    sender: _Sender = _Sender()


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
    return PullRequestEvent(
        repository=payload.repository.full_name, number=payload.number, sender=payload.sender.login
    )


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

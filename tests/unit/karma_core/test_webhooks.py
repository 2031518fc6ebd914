"""Signatures, and what a push means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import BadInput
from karma_core.webhooks import Push, is_listed, is_signed, read_github_push, sign, touched

SECRET = "s" * 20
COMMIT = "a" * 40


def payload(**fields: Any) -> dict[str, Any]:
    """A push of one commit, as GitHub sends it, shortened."""
    commit = {
        "id": COMMIT,
        "message": "grow it\n\nbecause",
        "author": {"name": "Ann", "email": "ann@example.org", "username": "ann"},
        "added": ["iac/dev/vpc/new/config.json"],
        "removed": ["iac/dev/vpc/old/config.json"],
        "modified": ["README.md", "iac/prod/vpc/core/config.json"],
    }
    body = {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": COMMIT,
        "deleted": False,
        "repository": {"id": 1, "full_name": "acme/infra", "fork": False},
        "pusher": {"name": "ann", "email": "ann@example.org"},
        "head_commit": commit,
        "commits": [commit],
    }
    return body | fields


def test_a_signature_is_githubs_own_example() -> None:
    """The values of docs.github.com, Validating webhook deliveries, Testing."""
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign(secret, body) == expected
    assert is_signed(secret, body, expected)


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha1=" + "0" * 40, sign("x" * 20, b"{}"), sign(SECRET, b"{} "), "é"]
)
def test_other_signatures_do_not_count(signature: str) -> None:
    """Absent, SHA-1, another secret's, another body's, no ASCII."""
    assert not is_signed(SECRET, b"{}", signature)


def test_without_a_secret_nothing_is_signed() -> None:
    """An endpoint that is off cannot be opened by signing with nothing."""
    assert not is_signed("", b"{}", sign("", b"{}"))


def test_a_push_names_who_what_and_where() -> None:
    """Pusher, author, message, commit, and every path once."""
    push = read_github_push(payload())
    assert push is not None
    assert (push.repository, push.branch, push.commit) == ("acme/infra", "main", COMMIT)
    assert (push.pusher, push.author, push.message) == ("ann", "ann@example.org", "grow it\n\nbecause")
    assert touched(push, "iac", ["dev", "prod", "test"]) == {
        "dev": ("vpc/new", "vpc/old"),
        "prod": ("vpc/core",),
    }


@pytest.mark.parametrize("commits", [[], [{"message": "one of many", "modified": ["README.md"]}] * 2048])
def test_the_head_counts_where_not_every_commit_is_listed(commits: list[Any]) -> None:
    """A forced push, a branch made of commits that are known, more commits than GitHub lists."""
    push = read_github_push(payload(commits=commits, forced=True))
    assert push is not None
    assert touched(push, "iac", ["prod"]) == {"prod": ("vpc/core",)}


@pytest.mark.parametrize("fields", [{"deleted": True}, {"ref": "refs/tags/v1"}])
def test_tags_and_deletions_are_no_pushes(fields: dict[str, Any]) -> None:
    """They are passed over, not refused."""
    assert read_github_push(payload(**fields)) is None


@pytest.mark.parametrize(
    "body", [[], "x", {}, payload(after="--upload-pack=x"), payload(commits=3), payload(repository=None)]
)
def test_what_is_no_push_is_refused(body: Any) -> None:
    """With the place; a commit must look like one, for Git will be asked about it."""
    with pytest.raises(BadInput) as caught:
        read_github_push(body)
    assert caught.value.code == "webhook-payload"


def test_only_listed_repositories_and_branches_count() -> None:
    """Compared exactly."""
    push = read_github_push(payload())
    assert push is not None
    assert is_listed(push, ["acme/infra"], ["main"])
    assert not is_listed(push, ["acme/infra"], ["release"])
    assert not is_listed(push, ["Acme/infra", "acme/infra2"], ["main"])
    assert not is_listed(push, [], ["main"])


@given(st.lists(st.text(alphabet="./aciv-%\0\n", max_size=40)))
def test_odd_paths_touch_nothing_but_what_is_named(paths: list[str]) -> None:
    """Whatever stands in a path, only well-formed addresses of served environments come out."""
    push = Push(
        repository="a/b", branch="main", commit=COMMIT, pusher="", author="", message="",
        paths=(*paths, *(f"iac/dev/{path}/config.json" for path in paths), "iac/dev/../dev/v/c/config.json"),
    )  # fmt: skip
    for environment, addresses in touched(push, "iac", ["dev"]).items():
        assert environment == "dev"
        for address in addresses:
            assert f"iac/dev/{address}/config.json" in push.paths
            assert ".." not in address.split("/")

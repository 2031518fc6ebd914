"""The port CodeHost: the one in memory, and GitHub's over a server that answers as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from karma_adapters.git.github import GitHub
from karma_core.errors import NotFound, StoreUnavailable
from karma_core.ports import CodeHost
from karma_core.records import PullRequest
from tests.github_server import REPOSITORY, TOKEN, GitHubServer
from tests.memory.code_host import MemoryCodeHost

COMMIT = "a" * 40
MARK = "<!-- karma prod -->"


class World(Protocol):
    """A host, and a hand on its inside."""

    host: CodeHost

    def open_pull(self, number: int, *paths: str, source: str = REPOSITORY) -> None: ...
    def put_file(self, path: str, content: bytes) -> None: ...
    def comments(self, number: int) -> list[str]: ...
    def statuses(self) -> list[tuple[str, str, str, str]]: ...


@dataclass
class InMemory:
    host: MemoryCodeHost

    def open_pull(self, number: int, *paths: str, source: str = REPOSITORY) -> None:
        self.host.pulls[REPOSITORY, number] = PullRequest(
            repository=REPOSITORY,
            number=number,
            title="Change it",
            author="ann",
            commit=COMMIT,
            branch="main",
            from_fork=source != REPOSITORY,
            paths=tuple(sorted(paths)),
        )

    def put_file(self, path: str, content: bytes) -> None:
        self.host.files[REPOSITORY, path, COMMIT] = content

    def comments(self, number: int) -> list[str]:
        return self.host.comments.get((REPOSITORY, number), [])

    def statuses(self) -> list[tuple[str, str, str, str]]:
        return [status[1:] for status in self.host.statuses]


@dataclass
class OnGitHub:
    host: GitHub
    server: GitHubServer

    def open_pull(self, number: int, *paths: str, source: str = REPOSITORY) -> None:
        self.server.open_pull(number, COMMIT, *paths, source=source)

    def put_file(self, path: str, content: bytes) -> None:
        self.server.files[path, COMMIT] = content

    def comments(self, number: int) -> list[str]:
        return [comment["body"] for comment in self.server.comments.get(number, [])]

    def statuses(self) -> list[tuple[str, str, str, str]]:
        return [(c, b["state"], b["context"], b["description"]) for c, b in self.server.statuses]


@pytest.fixture(params=["memory", "github"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each adapter."""
    if request.param == "memory":
        yield InMemory(MemoryCodeHost())
        return
    server = GitHubServer()
    yield OnGitHub(GitHub(server.url, TOKEN), server)
    server.close()


@pytest.fixture
def github() -> Iterator[OnGitHub]:
    """GitHub alone, for what only a server does."""
    server = GitHubServer()
    yield OnGitHub(GitHub(server.url, TOKEN), server)
    server.close()


def test_a_pull_request_says_what_it_is(world: World) -> None:
    """Head, base, author, and every path, sorted, however many there are."""
    paths = [f"iac/prod/vpc/n{n:03}/config.json" for n in range(250)]
    world.open_pull(7, *reversed(paths))
    assert world.host.pull_request(REPOSITORY, 7) == PullRequest(
        repository=REPOSITORY,
        number=7,
        title="Change it",
        author="ann",
        commit=COMMIT,
        branch="main",
        from_fork=False,
        paths=tuple(paths),
    )


def test_a_fork_is_known_for_one(world: World) -> None:
    """Its head lies in another repository."""
    world.open_pull(8, "README.md", source="mallory/infra")
    assert world.host.pull_request(REPOSITORY, 8).from_fork


def test_what_is_not_there(world: World) -> None:
    """A pull request is NotFound, a file None."""
    with pytest.raises(NotFound) as caught:
        world.host.pull_request(REPOSITORY, 99)
    assert caught.value.code == "no-pull-request"
    assert world.host.file(REPOSITORY, "iac/x.json", COMMIT) is None


def test_a_file_has_its_bytes(world: World) -> None:
    """As they are in the commit."""
    world.put_file("iac/prod/vpc/a b/config.json", b'{"size": 1}\n')
    assert world.host.file(REPOSITORY, "iac/prod/vpc/a b/config.json", COMMIT) == b'{"size": 1}\n'


def test_a_comment_is_written_anew(world: World) -> None:
    """One comment a mark, whatever was said before; others' are left alone."""
    world.open_pull(7, "README.md")
    world.host.comment(REPOSITORY, 7, MARK, f"{MARK}\nfirst")
    world.host.comment(REPOSITORY, 7, "<!-- karma dev -->", "<!-- karma dev -->\nother")
    world.host.comment(REPOSITORY, 7, MARK, f"{MARK}\nsecond")
    assert sorted(world.comments(7)) == ["<!-- karma dev -->\nother", f"{MARK}\nsecond"]


def test_a_status_is_set(world: World) -> None:
    """Under its own name."""
    world.host.set_status(REPOSITORY, COMMIT, "success", context="karma/prod", description="fine")
    assert world.statuses() == [(COMMIT, "success", "karma/prod", "fine")]


def test_a_renamed_file_has_both_paths(github: OnGitHub) -> None:
    """A config that moves is gone at the one place and new at the other."""
    github.open_pull(7, "iac/prod/vpc/b/config.json")
    github.server.changed[7][0]["previous_filename"] = "iac/prod/vpc/a/config.json"
    found = github.host.pull_request(REPOSITORY, 7)
    assert found.paths == ("iac/prod/vpc/a/config.json", "iac/prod/vpc/b/config.json")


def test_a_deleted_fork_is_still_a_fork(github: OnGitHub) -> None:
    """GitHub then names no repository for the head."""
    github.open_pull(7, "README.md")
    github.server.pulls[7]["head"]["repo"] = None
    assert github.host.pull_request(REPOSITORY, 7).from_fork


def test_anothers_comment_with_our_mark_is_left(github: OnGitHub) -> None:
    """Somebody who copies the mark cannot keep us from speaking."""
    github.open_pull(7, "README.md")
    github.server.comments[7] = [{"id": 1, "body": f"{MARK}\nall is well", "own": False}]
    github.host.comment(REPOSITORY, 7, MARK, f"{MARK}\nnothing is well")
    assert github.comments(7) == [f"{MARK}\nall is well", f"{MARK}\nnothing is well"]


def test_a_long_description_is_cut(github: OnGitHub) -> None:
    """GitHub would refuse it."""
    github.host.set_status(REPOSITORY, COMMIT, "failure", context="karma/prod", description="x" * 500)
    assert len(github.statuses()[0][3]) == 140


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_refusal_is_told_without_the_token(github: OnGitHub, status: int) -> None:
    """Every other answer is one error, which says what GitHub said."""
    github.server.failing = status
    with pytest.raises(StoreUnavailable) as caught:
        github.host.set_status(REPOSITORY, COMMIT, "success", context="c", description="d")
    assert caught.value.code == "code-host"
    assert str(status) in caught.value.why
    assert TOKEN not in str(caught.value)


def test_a_wrong_token_and_a_dead_server(github: OnGitHub) -> None:
    """Both are told, neither is retried."""
    with pytest.raises(StoreUnavailable, match="GitHub cannot serve us"):
        GitHub(github.server.url, "wrong").file(REPOSITORY, "a", COMMIT)
    with pytest.raises(StoreUnavailable, match="GitHub cannot serve us"):
        GitHub("http://127.0.0.1:9", TOKEN).file(REPOSITORY, "a", COMMIT)

"""Pull requests on GitHub, by its REST API (docs.github.com/rest, version 2022-11-28)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

import httpx

from karma_core.errors import NotFound, StoreUnavailable
from karma_core.ids import shown
from karma_core.json_types import JsonObject
from karma_core.records import CommitState, PullRequest

TIMEOUT_SECONDS: Final = 20.0
PAGE: Final = 100
MAX_PAGES: Final = 30
"""GitHub lists 3,000 files of a pull request at most."""
MAX_FILE: Final = 1 << 20
"""Bytes of a config that are read; far beyond what a parameter may hold."""
MAX_DESCRIPTION: Final = 140
"""GitHub's limit for the description of a status."""
RAW: Final = "application/vnd.github.raw+json"


class GitHub:
    """A CodeHost. `token` needs: contents read, pull requests write, commit statuses write."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """Read a pull request and its files. Two requests, and one more for each further hundred files."""
        place = f"/repos/{_repository(repository)}/pulls/{number:d}"
        with self._client() as client:
            answer = client.get(place)
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise NotFound(
                    f"there is no pull request {number} in {shown(repository)}",
                    why="GitHub says so; it also does where the token may not read the repository",
                    next_step="check the number, and what the token of [github] may do",
                    code="no-pull-request",
                )
            body = _object(answer)
            files = list(_pages(client, f"{place}/files"))
        head = body["head"]
        source = (head.get("repo") or {}).get("full_name")  # no repo: the fork was deleted
        return PullRequest(
            repository=repository,
            number=number,
            title=str(body.get("title") or ""),
            author=str((body.get("user") or {}).get("login") or ""),
            commit=str(head["sha"]),
            branch=str(body["base"]["ref"]),
            from_fork=source != repository,
            paths=tuple(sorted({path for file in files for path in _paths(file)})),
        )

    def file(self, repository: str, path: str, commit: str) -> bytes | None:
        """The file's bytes; StoreUnavailable where it is larger than any config may be."""
        place = f"/repos/{_repository(repository)}/contents/{quote(path)}"
        with self._client() as client:
            answer = client.get(place, params={"ref": commit}, headers={"accept": RAW})
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            _checked(answer)
            if len(answer.content) > MAX_FILE:
                raise _unavailable(f"{path} has {len(answer.content):,} bytes")
            return answer.content

    def comment(self, repository: str, number: int, mark: str, body: str) -> None:
        """Edit Karma's comment if there is one that it may edit, or add a new one."""
        place = f"/repos/{_repository(repository)}/issues"
        with self._client() as client:
            for comment in _pages(client, f"{place}/{number:d}/comments"):
                if not str(comment.get("body") or "").startswith(mark):
                    continue
                answer = client.patch(f"{place}/comments/{comment['id']}", json={"body": body})
                if answer.status_code not in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
                    _checked(answer)
                    return
            _checked(client.post(f"{place}/{number:d}/comments", json={"body": body}))

    def set_status(
        self, repository: str, commit: str, state: CommitState, *, context: str, description: str
    ) -> None:
        """Set a commit's status; a description that is too long is cut."""
        short = (
            description if len(description) <= MAX_DESCRIPTION else f"{description[: MAX_DESCRIPTION - 1]}…"
        )
        body = {"state": state, "context": context, "description": short}
        place = f"/repos/{_repository(repository)}/statuses/{quote(commit, safe='')}"
        with self._client() as client:
            _checked(client.post(place, json=body))

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {self._token}",
            "x-github-api-version": "2022-11-28",
            "user-agent": "karma",
        }
        try:
            with httpx.Client(base_url=self._url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
                yield client
        except httpx.HTTPError as error:
            raise _unavailable(str(error) or type(error).__name__) from error


def _repository(name: str) -> str:
    owner, _, repository = name.partition("/")
    return f"{quote(owner, safe='')}/{quote(repository, safe='')}"


def _paths(file: JsonObject) -> Iterator[str]:
    yield str(file["filename"])
    if file.get("previous_filename"):
        yield str(file["previous_filename"])


def _pages(client: httpx.Client, place: str) -> Iterator[JsonObject]:
    """The items of a list, page by page, up to MAX_PAGES."""
    for page in range(1, MAX_PAGES + 1):
        answer = client.get(place, params={"per_page": PAGE, "page": page})
        _checked(answer)
        entries = answer.json()
        if not isinstance(entries, list):
            raise _unavailable(f"{place} is no list")
        yield from entries
        if len(entries) < PAGE:
            return


def _object(answer: httpx.Response) -> JsonObject:
    _checked(answer)
    body = answer.json()
    if not isinstance(body, dict) or "head" not in body or "base" not in body:
        raise _unavailable("its answer is no pull request")
    return body


def _checked(answer: httpx.Response) -> None:
    """StoreUnavailable for every answer that is no success, with what GitHub says of it."""
    if answer.is_success:
        return
    try:
        said = str(answer.json().get("message") or "")
    except (ValueError, AttributeError):
        said = answer.reason_phrase
    raise _unavailable(f"it answered {answer.status_code}: {said[:300]}")


def _unavailable(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        "GitHub cannot serve us",
        why=why,
        next_step="check what the token of [github] may do, and GitHub's status; then try again",
        code="code-host",
    )

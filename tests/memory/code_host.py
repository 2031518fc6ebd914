"""A code host in memory."""

from __future__ import annotations

from karma_core.errors import NotFound
from karma_core.ids import shown
from karma_core.records import CommitState, PullRequest


class MemoryCodeHost:
    """Pull requests and files as they are put in; comments and statuses as they were made."""

    def __init__(self) -> None:
        self.pulls: dict[tuple[str, int], PullRequest] = {}
        self.files: dict[tuple[str, str, str], bytes] = {}
        self.comments: dict[tuple[str, int], list[str]] = {}
        self.statuses: list[tuple[str, str, CommitState, str, str]] = []

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """The one that was put in."""
        pull = self.pulls.get((repository, number))
        if pull is None:
            raise NotFound(
                f"there is no pull request {number} in {shown(repository)}", code="no-pull-request"
            )
        return pull

    def file(self, repository: str, path: str, commit: str) -> bytes | None:
        """The file that was put in."""
        return self.files.get((repository, path, commit))

    def comment(self, repository: str, number: int, mark: str, body: str) -> None:
        """Replace the comment with the mark, or add one."""
        said = self.comments.setdefault((repository, number), [])
        others = [text for text in said if not text.startswith(mark)]
        self.comments[repository, number] = [*others, body]

    def set_status(
        self, repository: str, commit: str, state: CommitState, *, context: str, description: str
    ) -> None:
        """Note it."""
        self.statuses.append((repository, commit, state, context, description))

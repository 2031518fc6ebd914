"""Pull-request checks: evaluate and plan the change that a pull request would be, and report it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from karma_core.changes.record import Change
from karma_core.changes.request import MAX_COMPONENTS, MAX_TEXT, read_request
from karma_core.changes.states import State
from karma_core.errors import KarmaError
from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.needs import ChangeIntake, Context, HasLog, HasParameters
from karma_core.ports import CodeHost
from karma_core.records import CommitState, PullRequest
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.changes.pull_request_text import comment_of, mark_of, refusal_of
from karma_core.use_cases.changes.push import wanted_of
from karma_core.use_cases.changes.reading import plan_of
from karma_core.webhooks import configs_among

ACTION: Final = "pull_request_check"
Verdict = Literal["ignored", "refused", "accepted", "rejected", "invalid"]


class Checked(Record, frozen=True, kw_only=True):
    """The reported result of a check. `ignored`: no config is touched; `refused`: it is not planned."""

    repository: str
    number: int
    commit: str
    verdict: Verdict
    why: str
    addresses: tuple[str, ...] = ()

    def contract(self) -> JsonObject:
        """The check as one JSON object."""
        return {
            "repository": self.repository,
            "number": self.number,
            "commit": self.commit,
            "verdict": self.verdict,
            "why": self.why,
            "components": list(self.addresses),
        }


def check_pull_request(
    workspace: ChangeIntake,
    host: CodeHost,
    repository: str,
    number: int,
    *,
    repositories: Sequence[str],
    config_dir: str,
) -> Checked:
    """Judge and plan what a pull request asks for in this environment, and say it as comment and status.

    Nothing is kept that could be applied. What comes from a fork, or from a repository that is not listed,
    is never planned: a config decides what Terraform reads.
    """
    if repository not in repositories:
        return Checked(
            repository=repository, number=number, commit="", verdict="ignored",
            why="the repository is not listed in [webhooks]",
        )  # fmt: skip
    pull = host.pull_request(repository, number)
    addresses = configs_among(pull.paths, config_dir, [workspace.name]).get(workspace.name, ())
    checked = _check(workspace, host, pull, addresses, config_dir)
    if checked.verdict != "ignored":
        _log(workspace, checked)
    return checked


def _check(
    workspace: ChangeIntake, host: CodeHost, pull: PullRequest, addresses: tuple[str, ...], config_dir: str
) -> Checked:
    if not addresses:
        return _checked(pull, addresses, "ignored", f"it touches no config of {workspace.name}")
    if pull.from_fork:
        why = "it comes from a fork, and is not planned"
        _say(workspace, host, pull, "error", why, refusal_of(workspace.name, why))
        return _checked(pull, addresses, "refused", why)
    if len(addresses) > MAX_COMPONENTS:
        why = f"it touches {len(addresses)} configs; a change may have {MAX_COMPONENTS}"
        _say(workspace, host, pull, "failure", why, refusal_of(workspace.name, why))
        return _checked(pull, addresses, "refused", why)
    _status(workspace, host, pull, "pending", "being judged and planned")
    try:
        return _judge(workspace, host, pull, addresses, config_dir)
    except KarmaError as error:
        state: CommitState = "failure" if error.fault == "user" else "error"
        _say(workspace, host, pull, state, error.what, refusal_of(workspace.name, str(error)))
        if error.fault != "user":
            raise
        return _checked(pull, addresses, "invalid", error.what)


def _judge(
    workspace: ChangeIntake, host: CodeHost, pull: PullRequest, addresses: tuple[str, ...], config_dir: str
) -> Checked:
    asked = [_wanted(workspace, host, pull, address, config_dir) for address in addresses]
    wanted = [part for part in asked if part is not None]
    if not wanted:
        why = "the parameter store has these configs already"
        _say(workspace, host, pull, "success", why, refusal_of(workspace.name, why))
        return _checked(pull, addresses, "accepted", why)
    body = {
        "changes": wanted,
        "reason": f"pull request {pull.repository}#{pull.number}: {pull.title}"[:MAX_TEXT],
        "dry_run": True,
    }
    change = request(workspace, read_request(body))
    accepted = change.status is not State.REJECTED
    text = comment_of(workspace.name, change, plan_of(workspace, change), pull)
    _say(workspace, host, pull, "success" if accepted else "failure", _headline(change), text)
    return _checked(pull, addresses, "accepted" if accepted else "rejected", change.why)


def _wanted(
    workspace: HasParameters, host: CodeHost, pull: PullRequest, address: str, config_dir: str
) -> JsonObject | None:
    path = f"{config_dir.strip('/')}/{workspace.name}/{address}/config.json"
    raw = host.file(pull.repository, path, pull.commit)
    return wanted_of(workspace, address, raw, where=f"{path} in commit {pull.commit[:12]}")


def _headline(change: Change) -> str:
    if change.status is State.AWAITING_APPROVAL:
        return f"will need an approval: {change.why}"
    return (
        change.why if change.status is State.REJECTED else f"{len(change.cone)} components would be touched"
    )


def _say(
    workspace: Context, host: CodeHost, pull: PullRequest, state: CommitState, headline: str, text: str
) -> None:
    host.comment(pull.repository, pull.number, mark_of(workspace.name), text)
    _status(workspace, host, pull, state, headline)


def _status(workspace: Context, host: CodeHost, pull: PullRequest, state: CommitState, headline: str) -> None:
    context = f"karma/{workspace.name}"
    host.set_status(pull.repository, pull.commit, state, context=context, description=headline)


def _checked(pull: PullRequest, addresses: tuple[str, ...], verdict: Verdict, why: str) -> Checked:
    return Checked(
        repository=pull.repository,
        number=pull.number,
        commit=pull.commit,
        verdict=verdict,
        why=why,
        addresses=addresses,
    )


def _log(workspace: HasLog, checked: Checked) -> None:
    log_event(workspace, ACTION, checked.verdict, inputs=checked.contract())

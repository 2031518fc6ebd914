"""Publishing from Git to the parameter store: the difference, published or requested as one change.

What is read is the server's own work tree; what a push brings comes by the webhook.
"""

from __future__ import annotations

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.names import Reason
from karma_api.resources.change_runs import ChangeResult, result
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import Document
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import to_builtins
from karma_core.roles import Role
from karma_core.use_cases.changes.git_request import request_from_git
from karma_core.use_cases.configs import diff as config_diff
from karma_core.use_cases.configs.differing import Take
from karma_core.use_cases.configs.publish import publish


class Publication(Document, frozen=True, kw_only=True):
    """`prune` deletes configs that are gone from Git, many of them only where `confirmed` says yes to it.

    `take_git` and `take_store` are addresses of diverged configs, by the side whose edits win.
    """

    prune: bool = False
    confirmed: bool = False
    dry_run: bool = False
    take_git: tuple[str, ...] = ()
    take_store: tuple[str, ...] = ()


class PublishAsked(Asked, frozen=True, kw_only=True):
    """Request to publish."""

    body: Publication = Publication()


class Published(Answered, kw_only=True):
    """What was written, or in a dry run would be; `findings` and `needs` are the verdict of a dry run.

    `merged` are those of `written` that have edits of a change besides; `diverged` were held, and `findings`
    say why. `not_checked_out` are in Git and not in the server's work tree.
    """

    environment: str
    dry_run: bool
    written: list[str]
    unchanged: list[str]
    merged: list[str]
    ahead_of_git: list[str]
    diverged: list[str]
    not_checked_out: list[str]
    deletions_uncommitted: list[str]
    removed_from_git: list[str]
    pruned: list[str]
    versions: dict[str, int]
    findings: list[JsonObject]
    needs: list[str]


class Wanted(Document, frozen=True, kw_only=True):
    """How to request it; `take_git` and `take_store` as in a publication."""

    prune: bool = False
    reason: Reason = ""
    dry_run: bool = False
    apply: bool = True
    take_git: tuple[str, ...] = ()
    take_store: tuple[str, ...] = ()


class WantedAsked(Asked, frozen=True, kw_only=True):
    """How to request it."""

    body: Wanted = Wanted()


class ConfigDiffShown(Answered, kw_only=True):
    """Git against the parameter store, config by config."""

    environment: str
    added: list[str]
    changed: list[JsonObject]
    removed: list[str]
    ahead_of_git: list[JsonObject]
    merged: list[JsonObject]
    diverged: list[JsonObject]
    not_checked_out: list[str]


def diff(service: Service, caller: Caller, _asked: Asked) -> JsonValue:
    """Return what publishing would change."""
    return to_builtins(config_diff.diff(service.with_terraform(caller)))


def make(service: Service, caller: Caller, asked: PublishAsked) -> JsonValue:
    """Write every changed config; the policy judges it."""
    said = asked.body
    workspace = service.with_terraform(caller)
    published = publish(
        workspace,
        dry_run=said.dry_run,
        prune=said.prune,
        assume_yes=said.confirmed,
        take=Take(git=frozenset(said.take_git), store=frozenset(said.take_store)),
    )
    return to_builtins(published)


def request(service: Service, caller: Caller, asked: WantedAsked) -> Reply:
    """Request all of it as one change."""
    said = asked.body
    change = request_from_git(
        service.with_terraform(caller),
        prune=said.prune,
        reason=said.reason,
        dry_run=said.dry_run,
        proceed=said.apply,
        take=Take(git=frozenset(said.take_git), store=frozenset(said.take_store)),
    )
    return result(service, caller, change)


ROUTES = (
    Route(
        name="config-diff",
        method="GET",
        path="/config/diff",
        role=Role.VIEWER,
        handler=diff,
        summary="How Git differs from the parameter store",
        tag="config",
        answered=ConfigDiffShown,
        statuses=(409, 422),
        costly=True,
    ),
    Route(
        name="publication",
        method="POST",
        path="/publications",
        role=Role.OPERATOR,
        handler=make,
        summary="Write what changed in Git to the parameter store",
        tag="config",
        asked=PublishAsked,
        answered=Published,
        statuses=(409, 422),
    ),
    Route(
        name="publication-request",
        method="POST",
        path="/request-publication",
        role=Role.OPERATOR,
        handler=request,
        summary="Request what changed in Git as one change",
        tag="config",
        asked=WantedAsked,
        answered=ChangeResult,
        statuses=(202, 409, 422),
    ),
)

"""Promotions: the config that a component has in another environment, requested as a change here."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec import field as key

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.names import Address, Reason
from karma_api.resources.change_runs import ChangeResult, result
from karma_api.route import Asked, Route
from karma_api.service import Service
from karma_core.documents import Document
from karma_core.errors import NotFound
from karma_core.ids import shown
from karma_core.roles import Role
from karma_core.use_cases.changes.promotion import promote
from karma_core.use_cases.orders.parameters import SelectionParameters, Targets, Types, check_selection
from karma_core.use_cases.selection.record import Selection
from karma_core.workspace import OpenEnvironment

MOST_FIELDS = 200
Fields = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=200)]],
    Meta(max_length=MOST_FIELDS, description="Top-level fields of the config."),
]


class Promotion(Document, frozen=True, kw_only=True):
    """The configs to promote: one `component`, or several, named as for a deploy, or `everything`.

    `only` takes these fields alone, `keep` leaves these as they are here.
    """

    component: Address | None = None
    targets: Targets = []
    types: Types = []
    exclude: Targets = []
    everything: bool = False
    source: Annotated[
        str, Meta(min_length=1, max_length=32, description="Environment that has the config.")
    ] = key(name="from")
    only: Fields = []
    keep: Fields = []
    reason: Reason = ""
    dry_run: bool = False
    apply: bool = True

    def __post_init__(self) -> None:
        several = self.targets or self.types or self.exclude or self.everything
        if self.component is not None and several:
            raise ValueError("`component` stands alone; name several in `targets` or `types`")
        check_selection(self.selection)

    @property
    def selection(self) -> Selection:
        """The configs of the source that are meant."""
        return SelectionParameters(
            targets=self.targets if self.component is None else [self.component],
            types=self.types,
            exclude=self.exclude,
            everything=self.everything,
        ).selection


class PromoteAsked(Asked, frozen=True, kw_only=True):
    """Request for a promotion to the environment of the request."""

    body: Promotion


def make(service: Service, caller: Caller, asked: PromoteAsked) -> Reply:
    """Request the change that gives components the configs that they have in another environment.

    Whoever asks must be one who may read there, too.
    """
    said = asked.body
    change = promote(
        _source(service, caller, said.source),
        service.acting(caller),
        said.selection,
        only=said.only,
        keep=said.keep,
        reason=said.reason,
        dry_run=said.dry_run,
        proceed=said.apply,
    )
    return result(service, caller, change)


def _source(service: Service, caller: Caller, name: str) -> OpenEnvironment:
    """The environment that has the config; NotFound, or Forbidden where the caller may not read there."""
    if name == service.name:
        return service.workspace
    if service.peers is None or name not in service.peers.names:
        raise NotFound(
            f"there is no environment {shown(name)!r} here",
            next_step="name one that this server serves",
        )
    source = service.peers.of(name)
    source.access.admit_neighbour(caller, "promotion")
    return source.acting(caller)


ROUTES = (
    Route(
        name="promotion",
        method="POST",
        path="/promotions",
        role=Role.OPERATOR,
        handler=make,
        summary="Request the config that a component has in another environment",
        tag="changes",
        asked=PromoteAsked,
        answered=ChangeResult,
        statuses=(202, 409, 422),
    ),
)
